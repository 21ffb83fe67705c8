/** The environment, read and checked once: `docs/configuration.md` explains each variable. */
import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { StartError } from './domain/start-error.ts';
import { type AllowList, LOOPBACK_ALLOW, parseAllowList } from './outbound/address-guard.ts';
import { isCallbackSecret } from './outbound/signature.ts';

export type Role = 'all' | 'api' | 'worker';

export interface Config {
  readonly port: number;
  readonly host: string;
  /** Undefined: the embedded database. */
  readonly databaseUrl: string | undefined;
  /** The same database past a pooler, for what needs a session. Undefined: `databaseUrl` leads to no pooler. */
  readonly databaseDirectUrl: string | undefined;
  readonly dataDir: string;
  /** Undefined: generated and kept in the data directory. */
  readonly adminKey: string | undefined;
  readonly role: Role;
  readonly workers: number;
  readonly workerConcurrency: number;
  readonly maxJobsPerBatch: number;
  /** The same for a request of one job a line. */
  readonly maxNdjsonJobs: number;
  readonly maxBodyBytes: number;
  readonly maxJobBytes: number;
  /** Requests a minute and key; 0 is none. */
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
  /** The proxies whose X-Forwarded-For is believed: so many from here, or those of the addresses and CIDRs. */
  readonly trustProxy: false | number | string[];
  /** A further folder with `jobs/` and `schemas/`. */
  readonly pluginDir: string | undefined;
}

/** A variable has a wrong value; the message names the variable, the value and what is allowed. */
export class ConfigError extends StartError {}

/** Standard Webhooks' suggested schedule, three days in all. */
const CALLBACK_RETRY_SECONDS = '5,300,1800,7200,18000,36000,50400,72000,86400';
const ROLES = ['all', 'api', 'worker'] as const;
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
const MIN_ADMIN_KEY_LENGTH = 20;
const MIN_SECRET_KEY_LENGTH = 32;

/**
 * Throws ConfigError for the first wrong value. An empty variable counts as unset, an empty allow list as one
 * that allows nothing.
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Readonly<Config> {
  const databaseUrl = postgresUrl(env, 'DATABASE_URL');
  const databaseDirectUrl = postgresUrl(env, 'DATABASE_DIRECT_URL');
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
    host: env.HOST || '127.0.0.1',
    databaseUrl,
    databaseDirectUrl,
    dataDir: resolve(env.DATA_DIR || '.data'),
    adminKey: checked(
      env,
      'ADMIN_KEY',
      (key) => key.length >= MIN_ADMIN_KEY_LENGTH,
      `${MIN_ADMIN_KEY_LENGTH} characters or more`,
      true,
    ),
    role,
    workers: whole(env, 'WORKERS', 1, 1, 64),
    workerConcurrency: whole(env, 'WORKER_CONCURRENCY', 4, 1, 64),
    maxJobsPerBatch: whole(env, 'MAX_JOBS_PER_BATCH', 100_000, 1, 10_000_000),
    maxNdjsonJobs: whole(env, 'MAX_NDJSON_JOBS', 1_000_000, 1, 100_000_000),
    maxBodyBytes: whole(env, 'MAX_BODY_BYTES', 64 * 1024 * 1024, 1, 2 ** 40),
    maxJobBytes: whole(env, 'MAX_JOB_BYTES', 20 * 1024 * 1024, 1, 256 * 1024 * 1024),
    rateLimit: whole(env, 'RATE_LIMIT', 6000, 0, 1_000_000_000),
    secretKey: checked(
      env,
      'SECRET_KEY',
      (key) => key.length >= MIN_SECRET_KEY_LENGTH,
      `${MIN_SECRET_KEY_LENGTH} characters or more`,
      true,
    ),
    retentionDays: whole(env, 'RETENTION_DAYS', 7, 1, 3650),
    callbackAllow: allowList(env, 'CALLBACK_ALLOW', databaseUrl === undefined ? LOOPBACK_ALLOW : ''),
    callbackRetrySeconds: retrySeconds(env),
    callbackSecret: checked(
      env,
      'CALLBACK_SECRET',
      isCallbackSecret,
      'whsec_ and 24 to 64 bytes in base64',
      true,
    ),
    smtpUrl: checked(env, 'SMTP_URL', isSmtpUrl, 'a URL that begins with smtp:// or smtps://', true),
    httpAllow: allowList(env, 'HTTP_ALLOW', ''),
    logLevel: oneOf(env, 'LOG_LEVEL', LOG_LEVELS, 'info'),
    publicUrl: checked(env, 'PUBLIC_URL', isHttpUrl, 'an http or https URL')?.replace(/\/+$/, ''),
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

function checked(
  env: NodeJS.ProcessEnv,
  name: string,
  valid: (text: string) => boolean,
  allowed: string,
  secret = false,
): string | undefined {
  const text = env[name];
  if (!text) return undefined;
  if (!valid(text)) throw wrong(name, secret ? hidden(text) : text, allowed);
  return text;
}

function postgresUrl(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return checked(env, name, isPostgresUrl, 'a URL that begins with postgres://', true);
}

function folder(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const path = checked(env, name, (text) => existsSync(text), 'a folder that exists');
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

/** The line goes to a log. */
function hidden(secret: string): string {
  return `(${secret.length} characters, not shown)`;
}

function isAddressOrCidr(text: string): boolean {
  const [, address = '', bits = '0'] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(bits) <= (version === 4 ? 32 : 128);
}

function isPostgresUrl(text: string): boolean {
  return /^postgres(ql)?:\/\//.test(text) && URL.canParse(text);
}

function isSmtpUrl(text: string): boolean {
  return /^smtps?:\/\//.test(text) && URL.canParse(text);
}

function isHttpUrl(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text);
}
