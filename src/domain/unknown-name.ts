import { nearestName } from './nearest-name.ts';

/** An unknown name is repeated in the error up to this length. */
const MAX_LENGTH = 100;
const PLAIN = /^[\w$-]+$/;

/**
 * The error text for an unknown member, option or query name: ` is not known: did you mean callbackUrl?`, or
 * all known names when none is near.
 */
export function notKnown(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  if (nearest !== undefined) return ` is not known: did you mean ${nearest}?`;
  if (known.length === 0) return ' is not known: no name is allowed here';
  return ` is not known: ${known.length === 1 ? 'the only known name is' : 'known names are'} ${known.join(', ')}`;
}

/**
 * The whole sentence for an unknown member, such as `options.atomic is not known: …`; `parent` is empty at
 * the top level.
 */
export function unknownMember(parent: string, name: string, known: readonly string[]): string {
  const path = memberPath(name);
  const joint = parent === '' ? '' : jointBefore(path);
  return `${parent}${joint}${path}${notKnown(name, known)}`;
}

/** The path of a member in its object: `nameSpace`, or `[""]` for a name that is not a plain word. */
export function memberPath(name: string): string {
  const shortened = name.length > MAX_LENGTH ? `${name.slice(0, MAX_LENGTH)}…` : name;
  return PLAIN.test(name) ? shortened : `[${JSON.stringify(shortened)}]`;
}

/** What is written between the path of an object and that of its member. */
export function jointBefore(memberPath: string): '' | '.' {
  return memberPath.startsWith('[') ? '' : '.';
}
