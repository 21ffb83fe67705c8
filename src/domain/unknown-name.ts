import { nearestName } from './nearest-name.ts';

/** How much of a name that a caller made up is said back. */
const MAX_LENGTH = 100;
const PLAIN = /^[\w$-]+$/;

/**
 * What an error says of a member, an option or a query name that is not known: ` is not known: did you mean
 * callbackUrl?`, or, where no known name is near, all of them.
 */
export function notKnown(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  if (nearest !== undefined) return ` is not known: did you mean ${nearest}?`;
  if (known.length === 0) return ' is not known: no name is allowed here';
  return ` is not known: ${known.length === 1 ? 'the only known name is' : 'known names are'} ${known.join(', ')}`;
}

/** The whole sentence of a member, such as `options.atomic is not known: …`; `parent` is empty at the top. */
export function unknownMember(parent: string, name: string, known: readonly string[]): string {
  const place = memberPlace(name);
  return `${parent}${parent === '' ? place.replace(/^\./, '') : place}${notKnown(name, known)}`;
}

/** Where a member stands in what it is a member of: `.nameSpace`, and `[""]` of a name that is no plain word. */
export function memberPlace(name: string): string {
  const shortened = name.length > MAX_LENGTH ? `${name.slice(0, MAX_LENGTH)}…` : name;
  return PLAIN.test(name) ? `.${shortened}` : `[${JSON.stringify(shortened)}]`;
}
