/** A text violates the grammar of JSON. */
export class JsonSyntaxError extends Error {
  /** The position: bytes from the start of the body, or characters where a string was split. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.name = 'JsonSyntaxError';
    this.offset = offset;
  }
}

/**
 * Objects and arrays are nested deeper than allowed; `offset` is that of the first bracket beyond the limit.
 */
export class JsonDepthError extends JsonSyntaxError {
  /** @param line the line number, for a body with lines; the offset then counts from the line's start */
  constructor(maxDepth: number, offset: number, line?: number) {
    const place = line === undefined ? '' : `line ${line}: `;
    super(`${place}nested deeper than ${maxDepth} levels at byte ${offset}`, offset);
    this.name = 'JsonDepthError';
  }
}

/** Something other than white space comes after the whole value. */
export class JsonTrailingTextError extends JsonSyntaxError {
  constructor(offset: number) {
    super(`expected the end of the body at byte ${offset}`, offset);
    this.name = 'JsonTrailingTextError';
  }
}

/** An element, a member's value or a member's name has more bytes than allowed. */
export class JsonElementTooLargeError extends Error {
  constructor(subject: string, maxBytes: number) {
    super(`${subject} is larger than ${maxBytes} bytes`);
    this.name = 'JsonElementTooLargeError';
  }
}
