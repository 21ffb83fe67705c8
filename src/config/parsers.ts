/** Parsers of variables: each takes a text and returns its value. */
import { statSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { parse as parsePostgresUrl } from 'pg-connection-string';
import type { HostLimit, HostLimits } from '../domain/host-limits.ts';
import { isOneOf, wholeNumberIn } from '../domain/text.ts';
import { type AllowList, parseAllowList } from '../outbound/address-guard.ts';

const MAX_LIMIT = 1_000_000;
/** Almost four months. */
const MAX_SECONDS = 9_999_999;

/** Returns the value of a text. Throws NotAllowed. */
export type Parser<T> = (text: string) => T;

/** The text is not allowed; the message says what it must be. */
export class NotAllowed extends Error {
  constructor(allowed: string, reason?: string) {
    super(reason === undefined ? allowed : `${allowed} (${reason})`);
  }
}

export function wholeNumber(least: number, most: number): Parser<number> {
  return (text) => {
    const value = wholeNumberIn(text, least, most);
    if (value === null) throw new NotAllowed(`a whole number from ${least} to ${most}`);
    return value;
  };
}

/** A share: a number from 0 to 1. */
export function share(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1)) throw new NotAllowed('a number from 0 to 1');
  return value;
}

export function oneOf<T extends string>(...allowed: readonly T[]): Parser<T> {
  return (text) => {
    if (!isOneOf(text, allowed)) throw new NotAllowed(`one of ${allowed.join(', ')}`);
    return text;
  };
}

/**
 * A text that a check accepts.
 *
 * @param check whether the text is right; it may also throw an Error with the reason why not
 */
export function textThat(check: (text: string) => boolean, allowed: string): Parser<string> {
  return (text) => {
    if (!passes(check, text, allowed)) throw new NotAllowed(allowed);
    return text;
  };
}

/**
 * One text or several that a check accepts, separated by commas. Blanks around them do not count.
 *
 * @param most how many are allowed
 */
export function listThat(
  check: (text: string) => boolean,
  most: number,
  allowed: string,
): Parser<readonly string[]> {
  return (text) => {
    const parts = text.split(',').map((part) => part.trim());
    const isRight = parts.length <= most && new Set(parts).size === parts.length && parts.every(check);
    if (!isRight) throw new NotAllowed(allowed);
    return Object.freeze(parts);
  };
}

/** A text that `parse` understands: it returns null for a wrong one. */
export function parsedBy<T>(parse: (text: string) => T | null, allowed: string): Parser<T> {
  return (text) => {
    const value = parse(text);
    if (value === null) throw new NotAllowed(allowed);
    return value;
  };
}

function passes(check: (text: string) => boolean, text: string, allowed: string): boolean {
  try {
    return check(text);
  } catch (error) {
    throw new NotAllowed(allowed, (error as Error).message);
  }
}

export const postgresUrl = textThat((text) => {
  if (!/^postgres(ql)?:\/\//.test(text) || !URL.canParse(text)) return false;
  if (text.includes('#')) throw new Error('a # must be written %23');
  if (!parsePostgresUrl(text).database) throw new Error('the database is missing');
  return true;
}, 'like postgres://user:password@host:5432/database');

/** An address with a zone is not allowed: it cannot be part of a URL. */
export const host = textThat(
  (text) =>
    (isIP(text) !== 0 && !text.includes('%')) || /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text),
  'an IP address or a host name, without scheme, port or brackets',
);

/** Without slashes at the end. */
export function publicUrl(text: string): string {
  return httpUrl(text).replace(/\/+$/, '');
}

/** An address as it was given. */
export const httpUrl = textThat((text) => {
  const url = URL.parse(text);
  return url !== null && /^https?:\/\/[^\s?#]+$/.test(text) && url.username === '' && url.password === '';
}, 'an http or https URL without user, query and fragment');

/** The absolute path of a folder that exists. */
export function folder(text: string): string {
  return resolve(existingFolder(text));
}

const existingFolder = textThat(
  (text) => statSync(text, { throwIfNoEntry: false })?.isDirectory() ?? false,
  'a folder that exists',
);

export function allowList(text: string): AllowList {
  try {
    return parseAllowList(text);
  } catch (error) {
    throw new NotAllowed('hosts, IP addresses or CIDRs, separated by commas', (error as Error).message);
  }
}

/** A number of hops, a list of addresses and CIDRs, or false for none. */
export function proxies(given: string): false | number | string[] {
  const text = given.trim();
  if (text === '' || text === 'off' || text === '0') return false;
  const hops = wholeNumberIn(text, 1, 99);
  if (hops !== null) return hops;
  const list = text.split(',').map((part) => part.trim());
  if (!list.every(isAddressOrCidr))
    throw new NotAllowed(
      'off, the number of proxies in front (1 to 99), or their IP addresses and CIDRs, separated by commas',
    );
  return list;
}

function isAddressOrCidr(text: string): boolean {
  const [, address = '', bits = '0'] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(bits) <= (version === 4 ? 32 : 128);
}

export function listOfSeconds(text: string): readonly number[] {
  const seconds = text.split(',').map((part) => wholeNumberIn(part.trim(), 0, MAX_SECONDS));
  if (!seconds.every((value) => value !== null))
    throw new NotAllowed('whole numbers of seconds, separated by commas');
  return Object.freeze(seconds);
}

const HOST_LIMIT =
  /^(?<host>\*|[A-Za-z0-9.-]+(?::\d+)?|\[[0-9a-f:]+\](?::\d+)?)=(?:(?<starts>\d+)\/s(?:;(?=\d)|$))?(?<atOnce>\d+)?$/;

/** Limits of hosts: `api.example.com=20/s;5,*=50`, starts a second and requests at once. */
export function hostLimits(text: string): HostLimits {
  const parts = text.split(',').map((part) => part.trim());
  return new Map(parts.filter((part) => part !== '').map(hostLimit));
}

function hostLimit(part: string): [string, HostLimit] {
  const { host = '', starts, atOnce } = HOST_LIMIT.exec(part)?.groups ?? {};
  const numbers = [starts, atOnce].map((digits) =>
    digits === undefined ? undefined : (wholeNumberIn(digits, 1, MAX_LIMIT) ?? Number.NaN),
  );
  if (host === '' || numbers.every((value) => value === undefined) || numbers.some(Number.isNaN))
    throw new NotAllowed(
      'hosts with starts a second, requests at once or both, such as api.example.com=20/s;5,*=50',
    );
  const [startsPerSecond, most] = numbers;
  return [
    host.toLowerCase(),
    {
      ...(startsPerSecond === undefined ? {} : { startsPerSecond }),
      ...(most === undefined ? {} : { atOnce: most }),
    },
  ];
}
