/** The variables of the environment. The table in `docs/configuration.md` is generated from them: `npm run docs`. */
import { resolve } from 'node:path';
import { isAdminKey } from '../domain/caller.ts';
import { LOOPBACK_ALLOW } from '../outbound/address-guard.ts';
import { isCallbackSecret } from '../outbound/signature.ts';
import { parseSmtpUrl } from '../outbound/smtp-url.ts';
import {
  allowList,
  folder,
  host,
  hostLimits,
  listOfSeconds,
  listThat,
  oneOf,
  type Parser,
  parsedBy,
  postgresUrl,
  proxies,
  publicUrl,
  textThat,
  wholeNumber,
} from './parsers.ts';
import { parseSecretKeys, SECRET_KEYS_ALLOWED } from './secret-key.ts';
import { tracingVariables } from './tracing-variables.ts';

/** Each is a signature in every callback. */
const MAX_CALLBACK_SECRETS = 5;

export interface Variable<T = unknown> {
  name: string;
  parse: Parser<T>;
  /** Used when the variable is unset. Without a default the value is then undefined. */
  default?: string | ((env: NodeJS.ProcessEnv) => string);
  /** The default in words, when its text does not explain it. */
  shownDefault?: string;
  /** The value must not be shown. */
  isSecret?: true;
  /** An empty text is a value; otherwise it counts as unset. */
  emptyIsValue?: true;
  /** Its meaning, in Markdown. */
  help: string;
}

/** By member of the configuration, in the order of the documented table. */
export const variables = {
  port: {
    name: 'PORT',
    parse: wholeNumber(0, 65_535),
    default: '3000',
    help: '0 picks a free port',
  },
  host: {
    name: 'HOST',
    parse: host,
    default: '127.0.0.1',
    help:
      'the IP address or host name to listen on, without scheme, port and brackets; `0.0.0.0` ' +
      'or `::` for all addresses',
  },
  publicUrl: {
    name: 'PUBLIC_URL',
    parse: publicUrl,
    shownDefault: 'the address listened on',
    help:
      'where callers reach the API: for links in answers and mails. http or https; a path is ' +
      'fine; no user, query or fragment. `Location` begins with it. When it is https, answers ' +
      'have `Strict-Transport-Security: max-age=31536000` (of this host alone)',
  },
  databaseUrl: {
    name: 'DATABASE_URL',
    parse: postgresUrl,
    shownDefault: 'the embedded database',
    isSecret: true,
    help:
      '`postgres://user:password@host:5432/database`, Postgres 15 or later. The database must ' +
      'be named; a `#` in the password is written `%23`',
  },
  databaseDirectUrl: {
    name: 'DATABASE_DIRECT_URL',
    parse: postgresUrl,
    shownDefault: '`DATABASE_URL`',
    isSecret: true,
    help:
      'the same database without a pooler such as PgBouncer in transaction mode: for migrations ' +
      'and the queue ([scaling](scaling.md#pgbouncer))',
  },
  dataDir: {
    name: 'DATA_DIR',
    parse: (text: string) => resolve(text),
    default: '.data',
    help: 'folder of the embedded database and of generated keys',
  },
  adminKey: {
    name: 'ADMIN_KEY',
    parse: textThat(
      isAdminKey,
      '20 or more printable ASCII characters, without a blank at the beginning or end',
    ),
    shownDefault: 'generated, kept in `DATA_DIR`',
    isSecret: true,
    help: '20 or more printable ASCII characters, without a blank at the beginning or end',
  },
  role: {
    name: 'ROLE',
    parse: oneOf('all', 'api', 'worker'),
    default: 'all',
    help: '`all`: API and workers; `api`; `worker`, which needs `DATABASE_URL`',
  },
  workers: {
    name: 'WORKERS',
    parse: wholeNumber(1, 64),
    default: '1',
    help: 'worker processes of `ROLE=all`',
  },
  workerConcurrency: {
    name: 'WORKER_CONCURRENCY',
    parse: wholeNumber(1, 64),
    default: '4',
    help:
      "chunks, of up to 1,000 jobs each (4,000 from a batch's 33rd on), at once in a worker and " + 'queue',
  },
  maxJobsPerBatch: {
    name: 'MAX_JOBS_PER_BATCH',
    parse: wholeNumber(1, 10_000_000),
    default: '100000',
    help: 'in a JSON body',
  },
  maxNdjsonJobs: {
    name: 'MAX_NDJSON_JOBS',
    parse: wholeNumber(1, 100_000_000),
    default: '1000000',
    help: 'in a body with one job per line',
  },
  maxDependencies: {
    name: 'MAX_DEPENDENCIES',
    parse: wholeNumber(1, 100_000_000),
    default: '1000000',
    help: 'that the jobs of a batch have on each other, together',
  },
  maxBodyBytes: {
    name: 'MAX_BODY_BYTES',
    parse: wholeNumber(1, 2 ** 40),
    default: '67108864',
    help: '64 MiB; a JSON body, counted after decompression',
  },
  maxJobBytes: {
    name: 'MAX_JOB_BYTES',
    parse: wholeNumber(1, 256 * 1024 * 1024),
    default: '20971520',
    help: '20 MiB; one job',
  },
  rateLimit: {
    name: 'RATE_LIMIT',
    parse: wholeNumber(0, 1_000_000_000),
    default: '6000',
    help: 'allowed requests per key and minute, in each API process; 0 means no limit',
  },
  trustProxy: {
    name: 'TRUST_PROXY',
    parse: proxies,
    default: 'off',
    help:
      'proxies whose `X-Forwarded-For` header is trusted, for limits by address and the log: ' +
      'the number of proxies in front, or their IP addresses and CIDRs, separated by commas',
  },
  secretKeys: {
    name: 'SECRET_KEY',
    parse: parsedBy(parseSecretKeys, SECRET_KEYS_ALLOWED),
    shownDefault: 'embedded database: generated, kept in `DATA_DIR/secret-key`; else none',
    isSecret: true,
    help:
      '32 or more random characters (`openssl rand -hex 32`): encrypts the secrets of keys that ' +
      '[sign](api.md#signed-requests), and further headers of callbacks. While it is being ' +
      '[changed](operating.md#a-new-secret_key), the new key and the old one, separated by a comma',
  },
  retentionDays: {
    name: 'RETENTION_DAYS',
    parse: wholeNumber(1, 3650),
    default: '7',
    help: 'days after which a batch and its results are deleted',
  },
  callbackAllow: {
    name: 'CALLBACK_ALLOW',
    parse: allowList,
    default: ({ DATABASE_URL }: NodeJS.ProcessEnv) => (DATABASE_URL ? '' : LOOPBACK_ALLOW),
    shownDefault: 'embedded database: `localhost,127.0.0.0/8,::1`; else nothing',
    emptyIsValue: true,
    help:
      'hosts, `host:port`, IP addresses and CIDRs that callbacks may call although they are not ' + 'public',
  },
  callbackRetrySeconds: {
    name: 'CALLBACK_RETRY_SECONDS',
    parse: listOfSeconds,
    default: '5,300,1800,7200,18000,36000,50400,72000,86400',
    help: 'pauses between the attempts to deliver a callback',
  },
  callbackSecrets: {
    name: 'CALLBACK_SECRET',
    parse: listThat(
      isCallbackSecret,
      MAX_CALLBACK_SECRETS,
      `whsec_ and 24 to 64 bytes in base64; at most ${MAX_CALLBACK_SECRETS} of them, separated by commas`,
    ),
    shownDefault: 'generated, kept in the database',
    isSecret: true,
    help:
      '`whsec_…`, the secret that signs the callbacks of the tenant `default`. While it is being replaced, the ' +
      'new one and [the old ones](callbacks.md#a-new-secret), separated by commas',
  },
  smtpUrl: {
    name: 'SMTP_URL',
    parse: textThat(
      (text) => Boolean(parseSmtpUrl(text)),
      'like smtp://user:password@host:587?from=events@example.com, or smtps://…',
    ),
    shownDefault: 'none',
    isSecret: true,
    help:
      '`smtp://user:password@host:587?from=events@example.com` (or `smtps://`): invitations are ' +
      "also mailed. The query may also have nodemailer's `name`, `authMethod`, `localAddress`, " +
      '`requireTLS`, `ignoreTLS`, `opportunisticTLS`, `tls.rejectUnauthorized`, ' +
      '`tls.servername`, `tls.minVersion`, `tls.maxVersion`, `tls.ciphers`, `maxConnections`, ' +
      '`maxMessages`, `rateDelta`, `rateLimit` and its timeouts (`connectionTimeout`, ' +
      '`dnsTimeout`, `greetingTimeout`, `socketTimeout`)',
  },
  httpAllow: {
    name: 'HTTP_ALLOW',
    parse: allowList,
    default: '',
    shownDefault: 'nothing',
    emptyIsValue: true,
    help: 'hosts, `host:port`, IP addresses and CIDRs that actions may send requests to',
  },
  httpLimits: {
    name: 'HTTP_LIMITS',
    parse: hostLimits,
    default: '',
    shownDefault: '10 requests at once in each worker process',
    emptyIsValue: true,
    help:
      'limits of `http.request` by host, over all processes: starts a second, requests at once, or ' +
      'both. `api.example.com=20/s;5,*=50`; `*` is every other host',
  },
  logLevel: {
    name: 'LOG_LEVEL',
    parse: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    default: 'info',
    help: '`trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`',
  },
  metricsKey: {
    name: 'METRICS_KEY',
    parse: textThat(
      isAdminKey,
      '20 or more printable ASCII characters, without a blank at the beginning or end',
    ),
    shownDefault: 'none: `/metrics` is open where `HOST` is a loopback address, else closed',
    isSecret: true,
    help: 'whoever scrapes [`/metrics`](operating.md#metrics) sends it as `Authorization: Bearer`',
  },
  metricsPort: {
    name: 'METRICS_PORT',
    parse: wholeNumber(0, 65_535),
    shownDefault: 'none',
    help: 'a `ROLE=worker` serves `/metrics`, `/healthz` and `/readyz` there, on `HOST`; 0 picks a free port',
  },
  pluginDir: {
    name: 'PLUGIN_DIR',
    parse: folder,
    shownDefault: 'none',
    help: 'another folder [with `jobs/` and ' + '`schemas/`](plugins.md#plugins-in-a-folder-of-their-own)',
  },
  ...tracingVariables,
} satisfies Record<string, Variable>;
