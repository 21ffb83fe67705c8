/** The delimiter of a CSV file, from its first line. */

export const DELIMITERS = [',', ';', '\t'] as const;
export type Delimiter = (typeof DELIMITERS)[number];

/**
 * The delimiter that is most often in the first line, outside quotes.
 *
 * @param head the beginning of the file, with its first line
 */
export function delimiterOf(head: string): Delimiter {
  const [line = ''] = head
    .trimStart()
    .replaceAll(/"[^"]*"?/g, '')
    .split(/[\r\n]/, 1);
  const counted = DELIMITERS.map((delimiter) => ({ delimiter, count: line.split(delimiter).length }));
  return counted.reduce((most, other) => (other.count > most.count ? other : most)).delimiter;
}
