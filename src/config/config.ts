/** The environment, read and checked once: `docs/configuration.md` explains each variable. */
import { statSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { parse as parsePostgresUrl } from 'pg-connection-string';
import { isAdminKey } from '../domain/caller.ts';
import { StartError } from '../domain/start-error.ts';
import { type AllowList, LOOPBACK_ALLOW, parseAllowList } from '../outbound/address-guard.ts';
import { isCallbackSecret } from '../outbound/signature.ts';
import { parseSmtpUrl } from '../outbound/smtp-url.ts';

export type Role = 'all' | 'api' | 'worker';

export interface Config {
  readonly port: number;
  readonly host: string;
  /** Undefined: use the embedded database. */
  readonly databaseUrl: string | undefined;
  /**
   * The same database without a pooler in between, for code that needs a session. Undefined: `databaseUrl`
   * has no pooler.
   */
  readonly databaseDirectUrl: string | undefined;
  readonly dataDir: string;
  /** Undefined: the key is generated and stored in the data directory. */
  readonly adminKey: string | undefined;
  readonly role: Role;
  readonly workers: number;
  readonly workerConcurrency: number;
  readonly maxJobsPerBatch: number;
  /** The same limit for a request with one job per line. */
  readonly maxNdjsonJobs: number;
  readonly maxBodyBytes: number;
  readonly maxJobBytes: number;
  /** Allowed requests per key and minute; 0 means no limit. */
  readonly rateLimit: number;
  /** Encrypts secrets that must be readable again. Undefined: see `readSecretKey`. */
  readonly secretKey: string | undefined;
  readonly retentionDays: number;
  readonly callbackAllow: AllowList;
  readonly callbackRetrySeconds: readonly number[];
  readonly callbackSecret: string | undefined;
  readonly smtpUrl: string | undefined;
  readonly httpAllow: AllowList;
  readonly logLevel: string;
  /** Undefined: the address that the API listens on. */
  readonly publicUrl: string | undefined;
  /** Proxies whose X-Forwarded-For header is trusted: a number of hops, or a list of addresses and CIDRs. */
  readonly trustProxy: false | number | string[];
  /** Another folder with `jobs/` and `schemas/`. */
  readonly pluginDir: string | undefined;
}

/** A variable has a wrong value; the message names the variable, the value and what is allowed. */
export class ConfigError extends StartError {}

/** The schedule that Standard Webhooks suggests, three days in all. */
const CALLBACK_RETRY_SECONDS = '5,300,1800,7200,18000,36000,50400,72000,86400';
const ROLES = ['all', 'api', 'worker'] as const;
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
const MIN_SECRET_KEY_LENGTH = 32;

/**
 * Throws ConfigError for the first wrong value. An empty variable counts as unset; an empty allow list allows
 * nothing.
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Readonly<Config> {
  const databaseUrl = checked(env, 'DATABASE_URL', POSTGRES_URL);
  const databaseDirectUrl = checked(env, 'DATABASE_DIRECT_URL', POSTGRES_URL);
  if (databaseDirectUrl !== undefined && databaseUrl === undefined)
    throw new ConfigError(
      'DATABASE_DIRECT_URL needs DATABASE_URL: it is the way to the same database past a pooler',
    );
  const role = oneOf(env, 'ROLE', ROLES, 'all');
  if (role === 'worker' && databaseUrl === undefined)
    throw new ConfigError(
      'ROLE=worker needs DATABASE_URL: the embedded database belongs to ROLE all and api',
    );
  return Object.freeze({
    port: whole(env, 'PORT', 3000, 0, 65_535),
    host: checked(env, 'HOST', HOST) ?? '127.0.0.1',
    databaseUrl,
    databaseDirectUrl,
    dataDir: resolve(env.DATA_DIR || '.data'),
    adminKey: checked(env, 'ADMIN_KEY', ADMIN_KEY),
    role,
    workers: whole(env, 'WORKERS', 1, 1, 64),
    workerConcurrency: whole(env, 'WORKER_CONCURRENCY', 4, 1, 64),
    maxJobsPerBatch: whole(env, 'MAX_JOBS_PER_BATCH', 100_000, 1, 10_000_000),
    maxNdjsonJobs: whole(env, 'MAX_NDJSON_JOBS', 1_000_000, 1, 100_000_000),
    maxBodyBytes: whole(env, 'MAX_BODY_BYTES', 64 * 1024 * 1024, 1, 2 ** 40),
    maxJobBytes: whole(env, 'MAX_JOB_BYTES', 20 * 1024 * 1024, 1, 256 * 1024 * 1024),
    rateLimit: whole(env, 'RATE_LIMIT', 6000, 0, 1_000_000_000),
    secretKey: checked(env, 'SECRET_KEY', SECRET_KEY),
    retentionDays: whole(env, 'RETENTION_DAYS', 7, 1, 3650),
    callbackAllow: allowList(env, 'CALLBACK_ALLOW', databaseUrl === undefined ? LOOPBACK_ALLOW : ''),
    callbackRetrySeconds: retrySeconds(env),
    callbackSecret: checked(env, 'CALLBACK_SECRET', CALLBACK_SECRET),
    smtpUrl: checked(env, 'SMTP_URL', SMTP_URL),
    httpAllow: allowList(env, 'HTTP_ALLOW', ''),
    logLevel: oneOf(env, 'LOG_LEVEL', LOG_LEVELS, 'info'),
    publicUrl: checked(env, 'PUBLIC_URL', PUBLIC_URL)?.replace(/\/+$/, ''),
    trustProxy: trustProxy(env, 'TRUST_PROXY'),
    pluginDir: folder(env, 'PLUGIN_DIR'),
  });
}

function whole(env: NodeJS.ProcessEnv, name: string, fallback: number, least: number, most: number): number {
  const text = env[name];
  if (!text) return fallback;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) throw wrong(name, text, `a whole number from ${least} to ${most}`);
  return value;
}

function oneOf<T extends string>(
  env: NodeJS.ProcessEnv,
  name: string,
  allowed: readonly T[],
  fallback: T,
): T {
  const text = env[name];
  if (!text) return fallback;
  if (!allowed.includes(text as T)) throw wrong(name, text, `one of ${allowed.join(', ')}`);
  return text as T;
}

interface Rule {
  /** Written after "it must be". */
  allowed: string;
  /** Whether the text is wrong, or the reason; it may also throw an Error with the reason. */
  wrong(text: string): boolean | string;
  /** True when the value must not be shown. */
  secret?: true;
}

const HOST: Rule = {
  allowed: 'an IP address or a host name, without scheme, port or brackets',
  // An address with a zone cannot be part of a URL.
  wrong: (text) =>
    (!isIP(text) || text.includes('%')) && !/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text),
};

const ADMIN_KEY: Rule = {
  allowed: '20 or more printable ASCII characters, without a blank at the beginning or end',
  wrong: (text) => !isAdminKey(text),
  secret: true,
};

const SECRET_KEY: Rule = {
  allowed: `${MIN_SECRET_KEY_LENGTH} characters or more`,
  wrong: (text) => text.length < MIN_SECRET_KEY_LENGTH,
  secret: true,
};

const CALLBACK_SECRET: Rule = {
  allowed: 'whsec_ and 24 to 64 bytes in base64',
  wrong: (text) => !isCallbackSecret(text),
  secret: true,
};

const SMTP_URL: Rule = {
  allowed: 'like smtp://user:password@host:587?from=events@example.com, or smtps://…',
  wrong: (text) => !parseSmtpUrl(text),
  secret: true,
};

const POSTGRES_URL: Rule = {
  allowed: 'like postgres://user:password@host:5432/database',
  wrong(text) {
    if (!/^postgres(ql)?:\/\//.test(text) || !URL.canParse(text)) return true;
    if (text.includes('#')) return 'a # must be written %23';
    return parsePostgresUrl(text).database ? false : 'the database is missing';
  },
  secret: true,
};

const PUBLIC_URL: Rule = {
  allowed: 'an http or https URL without user, query and fragment',
  wrong(text) {
    const url = URL.parse(text);
    return !url || !/^https?:\/\/[^\s?#]+$/.test(text) || url.username !== '' || url.password !== '';
  },
};

function checked(env: NodeJS.ProcessEnv, name: string, rule: Rule): string | undefined {
  const text = env[name];
  if (!text) return undefined;
  const problem = problemOf(text, rule);
  if (problem === false) return text;
  const reason = problem === true ? '' : ` (${problem})`;
  // A URL that must not have a password may still contain one.
  throw wrong(name, rule.secret || text.includes('@') ? hidden(text) : text, `${rule.allowed}${reason}`);
}

function problemOf(text: string, rule: Rule): boolean | string {
  try {
    return rule.wrong(text);
  } catch (error) {
    return (error as Error).message;
  }
}

function folder(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const isFolder = (text: string) => statSync(text, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const path = checked(env, name, { allowed: 'a folder that exists', wrong: (text) => !isFolder(text) });
  return path === undefined ? undefined : resolve(path);
}

function allowList(env: NodeJS.ProcessEnv, name: string, fallback: string): AllowList {
  try {
    return parseAllowList(env[name] ?? fallback);
  } catch (error) {
    throw wrong(
      name,
      env[name] ?? '',
      `hosts, IP addresses or CIDRs, separated by commas (${(error as Error).message})`,
    );
  }
}

function trustProxy(env: NodeJS.ProcessEnv, name: string): Config['trustProxy'] {
  const text = env[name]?.trim();
  if (!text || text === 'off' || text === '0') return false;
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const proxies = text.split(',').map((part) => part.trim());
  if (!proxies.every(isAddressOrCidr))
    throw wrong(
      name,
      text,
      'off, the number of proxies in front (1 to 99), or their IP addresses and CIDRs, separated by commas',
    );
  return proxies;
}

function retrySeconds(env: NodeJS.ProcessEnv): readonly number[] {
  const text = env.CALLBACK_RETRY_SECONDS || CALLBACK_RETRY_SECONDS;
  const parts = text.split(',').map((part) => part.trim());
  if (!parts.every((part) => /^\d{1,7}$/.test(part)))
    throw wrong('CALLBACK_RETRY_SECONDS', text, 'whole numbers of seconds, separated by commas');
  return Object.freeze(parts.map(Number));
}

function wrong(name: string, value: string, allowed: string): ConfigError {
  return new ConfigError(`${name}=${value} is not allowed: it must be ${allowed}`);
}

/** The line is written to a log. */
function hidden(secret: string): string {
  return `(${secret.length} characters, not shown)`;
}

function isAddressOrCidr(text: string): boolean {
  const [, address = '', bits = '0'] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(bits) <= (version === 4 ? 32 : 128);
}
