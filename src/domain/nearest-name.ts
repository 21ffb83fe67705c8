/** Maximum length of a compared name: a caller may send any length. */
const MAX_LENGTH = 100;

/**
 * The known name that a misspelt one most likely means, for error messages; undefined when none is near. Near
 * means: equal except for case, its beginning (`timeout` for `timeoutSeconds`), or at most one edit per three
 * characters.
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (name === '' || name.length > MAX_LENGTH) return undefined;
  const given = name.toLowerCase();
  const nearest = known
    .map((candidate) => ({ candidate, distance: distanceBetween(given, candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return nearest && nearest.distance <= Math.max(1, Math.round(name.length / 3))
    ? nearest.candidate
    : undefined;
}

function distanceBetween(given: string, candidate: string): number {
  const isBeginning = given.length >= 3 && (candidate.startsWith(given) || given.startsWith(candidate));
  return isBeginning && given !== candidate ? 0.5 : edits(given, candidate);
}

/** Levenshtein distance: characters to insert, remove or replace. */
function edits(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let line = 1; line <= one.length; line++) {
    const next = [line];
    for (let column = 1; column <= other.length; column++) {
      const replaced = (row[column - 1] ?? 0) + (one[line - 1] === other[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
