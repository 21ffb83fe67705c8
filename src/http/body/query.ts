/** The query of a request, checked. */
import type { Request } from 'express';
import { BatchwrightError, type ErrorName } from '../../contract/errors.ts';
import { parseInstant } from '../../domain/instant.ts';
import { isOneOf, wholeNumberIn } from '../../domain/text.ts';
import { notKnown } from '../../domain/unknown-name.ts';

/**
 * The values of a query by name. Express would pass on unknown names, make an array of a repeated name, and
 * replace bytes that are not valid text.
 *
 * @param prefixes names that begin with one of them, and go on, are known too
 * @throws BatchwrightError of the kind for a name that is unknown or repeated, for invalid UTF-8 and for U+0000
 */
export function queryOf<Name extends string>(
  { originalUrl }: Pick<Request, 'originalUrl'>,
  known: readonly Name[],
  kind: ErrorName = 'badRequest',
  prefixes: readonly string[] = [],
): { [name in Name]?: string } {
  const values = new Map<string, string>();
  const [, query = ''] = /\?(.*)$/s.exec(originalUrl) ?? [];
  for (const part of query.split('&').filter((text) => text !== '')) {
    const [, name = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(part) ?? [];
    const decoded = decodedText(name, kind);
    const shown = `?${decoded.slice(0, 100)}=`;
    const isPrefixed = prefixes.some(
      (prefix) => decoded.startsWith(prefix) && decoded.length > prefix.length,
    );
    if (!isPrefixed && !isOneOf(decoded, known))
      throw new BatchwrightError(kind, { message: `${shown}${notKnown(decoded, known)}` });
    if (values.has(decoded)) throw new BatchwrightError(kind, { message: `${shown} is given twice` });
    values.set(decoded, decodedText(value, kind));
  }
  return Object.fromEntries(values) as { [name in Name]?: string };
}

function decodedText(text: string, kind: ErrorName): string {
  // Postgres stores no text with it.
  if (text.includes('%00'))
    throw new BatchwrightError(kind, { message: 'The query has the character U+0000, which is not allowed' });
  try {
    // Node reads bytes beyond ASCII as Latin-1, whatever their encoding.
    if (/[^\x21-\x7e]/.test(text)) throw new URIError();
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new BatchwrightError(kind, {
      message: `The query is not percent-encoded UTF-8 at ${JSON.stringify(text.slice(0, 100))}`,
    });
  }
}

/** One of the allowed words; undefined when it is absent. Throws `badRequest`. */
export function oneOf<T extends string>(name: string, value: unknown, allowed: readonly T[]): T | undefined {
  if (value === undefined || isOneOf(value, allowed)) return value;
  throw new BatchwrightError('badRequest', { message: `${name} must be one of ${allowed.join(', ')}` });
}

/** True for `true` and for a name without a value, false for `false` and an absent one. Throws `invalidRequest`. */
export function isTrue(name: string, value: string | undefined): boolean {
  if (value === undefined || value === 'false') return false;
  if (value === '' || value === 'true') return true;
  throw new BatchwrightError('invalidRequest', { message: `${name} must be true or false` });
}

/** A whole number, also written as text, as in a query; undefined when it is absent. Throws `badRequest`. */
export function wholeNumber(name: string, value: unknown, least: number, most: number): number | undefined {
  if (value === undefined) return undefined;
  const text = typeof value === 'number' ? String(value) : value;
  const number = typeof text === 'string' ? wholeNumberIn(text, least, most) : null;
  if (number !== null) return number;
  throw new BatchwrightError('badRequest', {
    message: `${name} must be a whole number from ${least} to ${most}`,
  });
}

/** A time as in RFC 3339, from 1970 on; undefined when it is absent. Throws `badRequest`. */
export function instant(name: string, value: string | undefined): Date | undefined {
  if (value === undefined) return undefined;
  const time = parseInstant(value);
  if (time >= 0) return new Date(time);
  throw new BatchwrightError('badRequest', {
    message: `${name} must be a time as in RFC 3339, from 1970 on, such as 2030-01-31T12:00:00Z (a + is sent as %2B)`,
  });
}
