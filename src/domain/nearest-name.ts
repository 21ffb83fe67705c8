/** Maximum length of a compared name: a caller may send any length. */
const MAX_LENGTH = 100;

/**
 * The known name that a misspelt one most likely means, for error messages; undefined when none is near. Near
 * means: equal except for case, its beginning (`timeout` for `timeoutSeconds`), or at most one edit per three
 * characters, where swapped neighbours are one.
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (name === '' || name.length > MAX_LENGTH) return undefined;
  const given = name.toLowerCase();
  let nearest: string | undefined;
  let limit = Math.max(1, Math.round(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = distanceBetween(given, candidate.toLowerCase(), limit);
    if (distance >= limit) continue;
    nearest = candidate;
    limit = distance;
  }
  return nearest;
}

/** The limit itself when it is that or more. */
function distanceBetween(given: string, candidate: string, limit: number): number {
  const isBeginning = given.length >= 3 && (candidate.startsWith(given) || given.startsWith(candidate));
  if (isBeginning && given !== candidate) return Math.min(0.5, limit);
  return Math.abs(given.length - candidate.length) >= limit ? limit : edits(given, candidate, limit);
}

/**
 * Characters to insert, remove or replace, and neighbours to swap (optimal string alignment). It ends early when that
 * reaches the limit.
 */
function edits(one: string, other: string, limit: number): number {
  let before = new Uint8Array(other.length + 1);
  let row = Uint8Array.from({ length: other.length + 1 }, (_, column) => column);
  let next = new Uint8Array(other.length + 1);
  for (let line = 1; line <= one.length; line++) {
    next[0] = line;
    let least = line;
    for (let column = 1; column < row.length; column++) {
      const isSame = one[line - 1] === other[column - 1];
      const isSwapped = one[line - 1] === other[column - 2] && one[line - 2] === other[column - 1];
      const distance = Math.min(
        at(row, column - 1) + (isSame ? 0 : 1),
        at(row, column) + 1,
        at(next, column - 1) + 1,
        isSwapped && line > 1 && column > 1 ? at(before, column - 2) + 1 : Infinity,
      );
      next[column] = distance;
      least = Math.min(least, distance);
    }
    if (least >= limit) return limit;
    [before, row, next] = [row, next, before];
  }
  return Math.min(at(row, other.length), limit);
}

function at(row: Uint8Array, column: number): number {
  return row[column] as number;
}
