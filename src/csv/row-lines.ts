/** The lines of a file that its rows begin at: quoted cells have line breaks too. */

const LINE_END = /\r\n|\r|\n/g;

export class RowLines {
  /** Lines of the rows so far. */
  #height = 0;

  /**
   * The line at which the next row begins, from 1.
   *
   * @param emptyLines before it, in the whole file so far
   */
  begin(emptyLines: number): number {
    return 1 + this.#height + emptyLines;
  }

  /** Goes on to the next row. Returns the line at which this one begins. */
  next(cells: readonly string[], emptyLines: number): number {
    const line = this.begin(emptyLines);
    this.#height += 1 + cells.reduce((sum, cell) => sum + (cell.match(LINE_END)?.length ?? 0), 0);
    return line;
  }
}
