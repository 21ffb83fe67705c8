import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { type Config, ConfigError, readConfig } from '../../src/config/config.ts';
import { namesAddress, namesHost } from '../../src/outbound/allow-list.ts';

const DATABASE_URL = 'postgres://me:hunter2@db.test:5432/jobs';
const callbackSecret = (byte: number) => `whsec_${Buffer.alloc(32, byte).toString('base64')}`;
const CALLBACK_SECRET = callbackSecret(7);

type Plain = Omit<Config, 'callbackAllow' | 'httpAllow'>;

/** The defaults in docs/configuration.md. */
const defaults: Plain = {
  port: 3000,
  host: '127.0.0.1',
  databaseUrl: undefined,
  databaseDirectUrl: undefined,
  dataDir: resolve('.data'),
  adminKey: undefined,
  role: 'all',
  workers: 1,
  workerConcurrency: 4,
  maxJobsPerBatch: 100_000,
  maxNdjsonJobs: 1_000_000,
  maxDependencies: 1_000_000,
  maxBodyBytes: 67_108_864,
  maxJobBytes: 20_971_520,
  rateLimit: 6000,
  secretKeys: undefined,
  retentionDays: 7,
  callbackRetrySeconds: [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400],
  callbackSecrets: undefined,
  smtpUrl: undefined,
  httpLimits: new Map(),
  logLevel: 'info',
  publicUrl: undefined,
  trustProxy: false,
  metricsKey: undefined,
  metricsPort: undefined,
  pluginDir: undefined,
  otlpEndpoint: undefined,
  otlpTracesEndpoint: undefined,
  otlpProtocol: 'http/protobuf',
  otlpTracesProtocol: undefined,
  tracesSampler: 'parentbased_always_on',
  tracesSamplerArg: 1,
  tracesExporter: 'otlp',
  otelSdkDisabled: 'false',
};

const WHOLE = 'it must be a whole number from';

/**
 * By variable: the member that it sets, values with their results, and wrong values with the allowed ones.
 */
const variables: Record<
  string,
  {
    sets: keyof Plain;
    good: Record<string, unknown>;
    /** With the reason after the allowed values, where there is one. */
    bad?: string[] | Record<string, string>;
    allowed?: string;
    secret?: true;
    /** Another variable that it needs. */
    beside?: Record<string, string>;
  }
> = {
  PORT: {
    sets: 'port',
    good: { 0: 0, 8080: 8080, 65535: 65_535 },
    bad: ['65536', '-1', '80.5', '1e3', 'http', ' 80', '0x50'],
    allowed: `${WHOLE} 0 to 65535`,
  },
  HOST: {
    sets: 'host',
    good: { '0.0.0.0': '0.0.0.0', '::': '::', localhost: 'localhost' },
    bad: [
      'fe80::1%eth0',
      'http://0.0.0.0',
      '0.0.0.0:3000',
      '[::1]',
      '*',
      ' 0.0.0.0',
      'my host',
      'localhost/',
    ],
    allowed: 'it must be an IP address or a host name, without scheme, port or brackets',
  },
  DATABASE_URL: {
    sets: 'databaseUrl',
    good: {
      [DATABASE_URL]: DATABASE_URL,
      'postgresql://db/x': 'postgresql://db/x',
      'postgres:///x?host=/run/postgresql': 'postgres:///x?host=/run/postgresql',
    },
    bad: {
      'mysql://me:hunter2@db/x': '',
      'db.test': '',
      'postgres://db:port/x': '',
      'postgres://me:hunter2@db': ' (the database is missing)',
      'postgres://me:hunter2@db:5432/': ' (the database is missing)',
      'postgres://me:1#hunter2@db/x': ' (a # must be written %23)',
      'postgres://db/x?sslrootcert=/no/such.pem': " (ENOENT: no such file or directory, open '/no/such.pem')",
    },
    allowed: 'it must be like postgres://user:password@host:5432/database',
    secret: true,
  },
  DATABASE_DIRECT_URL: {
    sets: 'databaseDirectUrl',
    good: { [DATABASE_URL]: DATABASE_URL },
    bad: ['mysql://me:hunter2@db/x'],
    allowed: 'it must be like postgres://user:password@host:5432/database',
    secret: true,
    beside: { DATABASE_URL: 'postgres://pooler:6432/jobs' },
  },
  DATA_DIR: { sets: 'dataDir', good: { '/var/data': '/var/data', data: resolve('data') } },
  ADMIN_KEY: {
    sets: 'adminKey',
    good: { 'twenty characters !!': 'twenty characters !!' },
    bad: [
      'nineteen characters',
      'x',
      'twenty characters é !!!',
      'twenty characters \u20ac !!!',
      ' twenty characters !!!',
      'twenty characters !!! ',
      'twenty characters\t!!!',
      'twenty characters !!!\n',
    ],
    allowed: 'it must be 20 or more printable ASCII characters, without a blank at the beginning or end',
    secret: true,
  },
  METRICS_KEY: {
    sets: 'metricsKey',
    good: { 'twenty characters !!': 'twenty characters !!' },
    bad: ['nineteen characters', ' twenty characters !!!'],
    allowed: 'it must be 20 or more printable ASCII characters, without a blank at the beginning or end',
    secret: true,
  },
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    sets: 'otlpEndpoint',
    good: {
      'http://127.0.0.1:4318': 'http://127.0.0.1:4318',
      'https://otel.test/base/': 'https://otel.test/base/',
    },
    bad: ['127.0.0.1:4318', 'grpc://127.0.0.1:4317', 'http://', 'http://otel.test/?a=1'],
    allowed: 'it must be an http or https URL without user, query and fragment',
  },
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: {
    sets: 'otlpTracesEndpoint',
    good: { 'http://127.0.0.1:4318/v1/traces': 'http://127.0.0.1:4318/v1/traces' },
    bad: ['127.0.0.1:4318'],
    allowed: 'it must be an http or https URL without user, query and fragment',
  },
  OTEL_EXPORTER_OTLP_PROTOCOL: {
    sets: 'otlpProtocol',
    good: { 'http/protobuf': 'http/protobuf', 'http/json': 'http/json' },
    bad: ['grpc'],
    allowed: 'it must be one of http/protobuf, http/json',
  },
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: {
    sets: 'otlpTracesProtocol',
    good: { 'http/json': 'http/json' },
    bad: ['grpc'],
    allowed: 'it must be one of http/protobuf, http/json',
  },
  OTEL_TRACES_SAMPLER: {
    sets: 'tracesSampler',
    good: { always_on: 'always_on', parentbased_traceidratio: 'parentbased_traceidratio' },
    bad: ['jaeger_remote', 'ALWAYS_ON'],
    allowed:
      'it must be one of parentbased_always_on, parentbased_always_off, parentbased_traceidratio, always_on, ' +
      'always_off, traceidratio',
  },
  OTEL_TRACES_SAMPLER_ARG: {
    sets: 'tracesSamplerArg',
    good: { '0': 0, '0.01': 0.01, '1': 1 },
    bad: ['1.5', '-1', '1%', ' '],
    allowed: 'it must be a number from 0 to 1',
  },
  OTEL_TRACES_EXPORTER: {
    sets: 'tracesExporter',
    good: { otlp: 'otlp', none: 'none' },
    bad: ['zipkin'],
    allowed: 'it must be one of otlp, none',
  },
  OTEL_SDK_DISABLED: {
    sets: 'otelSdkDisabled',
    good: { true: 'true', false: 'false' },
    bad: ['1'],
    allowed: 'it must be one of true, false',
  },
  METRICS_PORT: {
    sets: 'metricsPort',
    good: { 0: 0, 9464: 9464 },
    bad: ['65536', 'http'],
    allowed: `${WHOLE} 0 to 65535`,
  },
  ROLE: {
    sets: 'role',
    good: { all: 'all', api: 'api' },
    bad: ['API', 'both'],
    allowed: 'it must be one of all, api, worker',
  },
  WORKERS: { sets: 'workers', good: { 2: 2 }, bad: ['0', '65', 'two'], allowed: `${WHOLE} 1 to 64` },
  WORKER_CONCURRENCY: {
    sets: 'workerConcurrency',
    good: { 8: 8 },
    bad: ['0', '65'],
    allowed: `${WHOLE} 1 to 64`,
  },
  MAX_JOBS_PER_BATCH: {
    sets: 'maxJobsPerBatch',
    good: { 1: 1, 10000000: 10_000_000 },
    bad: ['0', '10000001'],
    allowed: `${WHOLE} 1 to 10000000`,
  },
  MAX_NDJSON_JOBS: {
    sets: 'maxNdjsonJobs',
    good: { 1: 1, 100000000: 100_000_000 },
    bad: ['0', '100000001'],
    allowed: `${WHOLE} 1 to 100000000`,
  },
  MAX_DEPENDENCIES: {
    sets: 'maxDependencies',
    good: { 1: 1, 100000000: 100_000_000 },
    bad: ['0', '100000001'],
    allowed: `${WHOLE} 1 to 100000000`,
  },
  MAX_BODY_BYTES: {
    sets: 'maxBodyBytes',
    good: { 1024: 1024 },
    bad: ['0', '64MiB'],
    allowed: `${WHOLE} 1 to 1099511627776`,
  },
  MAX_JOB_BYTES: {
    sets: 'maxJobBytes',
    good: { 1024: 1024 },
    bad: ['0', '268435457'],
    allowed: `${WHOLE} 1 to 268435456`,
  },
  RATE_LIMIT: {
    sets: 'rateLimit',
    good: { 0: 0, 60: 60 },
    bad: ['-1', 'none'],
    allowed: `${WHOLE} 0 to 1000000000`,
  },
  SECRET_KEY: {
    sets: 'secretKeys',
    good: {
      'just as long as it must be: 32 !': ['just as long as it must be: 32 !'],
      [`${'n'.repeat(32)},${'o'.repeat(32)}`]: ['n'.repeat(32), 'o'.repeat(32)],
      [`${'n'.repeat(32)} , ${'o'.repeat(32)}`]: ['n'.repeat(32), 'o'.repeat(32)],
    },
    bad: [
      'thirty-one characters: so it is',
      'x',
      'long enough in all, but not before the comma',
      `${'n'.repeat(32)},`,
      `${'n'.repeat(32)},${'o'.repeat(31)}`,
      `${'n'.repeat(32)},${'n'.repeat(32)}`,
      ['a', 'b', 'c'].map((letter) => letter.repeat(32)).join(),
    ],
    allowed:
      'it must be 32 characters or more without a comma; or two such keys, the new and the old one, separated by a comma',
    secret: true,
  },
  RETENTION_DAYS: {
    sets: 'retentionDays',
    good: { 30: 30 },
    bad: ['0', '3651'],
    allowed: `${WHOLE} 1 to 3650`,
  },
  CALLBACK_RETRY_SECONDS: {
    sets: 'callbackRetrySeconds',
    good: { '5': [5], '1, 2,0': [1, 2, 0] },
    bad: ['5,', '5;6', 'soon', '-1', '1.5'],
    allowed: 'it must be whole numbers of seconds, separated by commas',
  },
  CALLBACK_SECRET: {
    sets: 'callbackSecrets',
    good: {
      [CALLBACK_SECRET]: [CALLBACK_SECRET],
      [`${callbackSecret(1)}, ${callbackSecret(2)}`]: [callbackSecret(1), callbackSecret(2)],
    },
    bad: [
      'whsec_c2hvcnQ=',
      'hunter2hunter2hunter2hunter2hunter2',
      `whsec_${'!'.repeat(40)}`,
      `${CALLBACK_SECRET},`,
      `${CALLBACK_SECRET},${CALLBACK_SECRET}`,
      `${CALLBACK_SECRET} ${callbackSecret(1)}`,
      [1, 2, 3, 4, 5, 6].map(callbackSecret).join(),
    ],
    allowed: 'it must be whsec_ and 24 to 64 bytes in base64; at most 5 of them, separated by commas',
    secret: true,
  },
  SMTP_URL: {
    sets: 'smtpUrl',
    good: {
      'smtp://mail.test:25': 'smtp://mail.test:25',
      'smtps://me:p@mail.test': 'smtps://me:p@mail.test',
      'smtp://mail.test?from=Events%20%3Cevents@example.com%3E&tls.rejectUnauthorized=false&maxMessages=5':
        'smtp://mail.test?from=Events%20%3Cevents@example.com%3E&tls.rejectUnauthorized=false&maxMessages=5',
    },
    bad: {
      'mail.test': ' (it is not such a URL)',
      'http://me:hunter2@mail.test': ' (it is not such a URL)',
      'smtp://': ' (the host is missing)',
      'smtp:': ' (the host is missing)',
      'smtps://?from=a@b.test': ' (the host is missing)',
      'smtp://mail.test:port': ' (it is not such a URL)',
      'smtp://mail.test:0': ' (the port is 0)',
      'smtp://me:hunter%zz@mail.test': ' (a % must be written %25)',
      'smtp://me:hunter#2@mail.test': ' (it is not such a URL)',
      'smtp://mail.test/path': ' (it has a path or a fragment)',
      'smtp://mail.test?from=events': ' (the option from has a wrong value)',
      'smtp://mail.test?requireTLS=yes': ' (the option requireTLS has a wrong value)',
      'smtp://mail.test?sender=events@example.com':
        ' (there is no option sender, but from, name, authMethod, localAddress, requireTLS, ignoreTLS, ' +
        'opportunisticTLS, tls.rejectUnauthorized, tls.servername, tls.minVersion, tls.maxVersion, tls.ciphers, ' +
        'maxConnections, maxMessages, rateDelta, rateLimit, connectionTimeout, dnsTimeout, greetingTimeout, ' +
        'socketTimeout)',
    },
    allowed: 'it must be like smtp://user:password@host:587?from=events@example.com, or smtps://…',
    secret: true,
  },
  LOG_LEVEL: {
    sets: 'logLevel',
    good: { debug: 'debug', silent: 'silent' },
    bad: ['verbose', 'INFO'],
    allowed: 'it must be one of trace, debug, info, warn, error, fatal, silent',
  },
  PUBLIC_URL: {
    sets: 'publicUrl',
    good: { 'https://jobs.test/': 'https://jobs.test', 'http://jobs.test/api': 'http://jobs.test/api' },
    bad: [
      'jobs.test',
      'ftp://jobs.test',
      'https://',
      'https://jobs.test/?',
      'https://jobs.test/?a=b',
      'https://jobs.test/#a',
      'https://me:pw@jobs.test',
      'https://me@jobs.test',
      'https://jobs.test/a b',
      ' https://jobs.test',
    ],
    allowed: 'it must be an http or https URL without user, query and fragment',
  },
  TRUST_PROXY: {
    sets: 'trustProxy',
    good: {
      off: false,
      '0': false,
      '1': 1,
      ' 2 ': 2,
      '10.0.0.1': ['10.0.0.1'],
      '10.0.0.0/8, ::1,fd00::/8': ['10.0.0.0/8', '::1', 'fd00::/8'],
    },
    bad: [
      'on',
      'true',
      '-1',
      '100',
      '1.5',
      '10.0.0.0/33',
      '10.0.0/8',
      '::/129',
      '10.0.0.1,',
      'proxy.test',
      '127.1',
    ],
    allowed:
      'it must be off, the number of proxies in front (1 to 99), or their IP addresses and CIDRs, separated by commas',
  },
  HTTP_LIMITS: {
    sets: 'httpLimits',
    good: {
      'api.example.com=20/s;5,*=50': new Map([
        ['api.example.com', { startsPerSecond: 20, atOnce: 5 }],
        ['*', { atOnce: 50 }],
      ]),
      ' API.example.com:8443=7/s , [::1]=1': new Map([
        ['api.example.com:8443', { startsPerSecond: 7 }],
        ['[::1]', { atOnce: 1 }],
      ]),
    },
    bad: [
      '20',
      '*=',
      '*=0',
      '*=20/m',
      '*=20/s5',
      '*=20/s;',
      '*=;5',
      '=5',
      'https://a.example=5',
      'a b=5',
      '*=1.5',
    ],
    allowed:
      'it must be hosts with starts a second, requests at once or both, such as api.example.com=20/s;5,*=50',
  },
  PLUGIN_DIR: {
    sets: 'pluginDir',
    good: { [import.meta.dirname]: import.meta.dirname, src: resolve('src') },
    bad: ['/no/such/folder', import.meta.filename, `${import.meta.filename}/x`],
    allowed: 'it must be a folder that exists',
  },
};

test('without variables every member of the configuration has its default', () => {
  const { callbackAllow, httpAllow, ...config } = readConfig({});
  assert.deepEqual(config, defaults);
  assert.deepEqual(httpAllow, { hosts: [], ranges: [] });
  assert.ok(namesHost(callbackAllow, 'localhost', 8080));
  assert.ok(namesAddress(callbackAllow, '127.0.0.1', 8080) && namesAddress(callbackAllow, '::1', 8080));
  assert.ok(!namesAddress(callbackAllow, '10.0.0.1', 8080));
});

test('every member of the configuration is set by a variable', () => {
  const members = Object.values(variables).map(({ sets }) => sets);
  assert.deepEqual(members.sort(), Object.keys(defaults).sort());
});

test('an empty variable counts as unset', () => {
  const empty = Object.fromEntries(Object.keys(variables).map((name) => [name, '']));
  assert.deepEqual(readConfig(empty), readConfig({}));
});

test('the configuration cannot be changed', () => {
  const config = readConfig({});
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.callbackRetrySeconds));
});

for (const [name, { sets, good, bad = [], allowed, secret, beside }] of Object.entries(variables)) {
  test(`${name} sets ${sets}`, () => {
    for (const [text, value] of Object.entries(good))
      assert.deepEqual(readConfig({ ...beside, [name]: text })[sets], value, text);
  });

  const reasons = Array.isArray(bad) ? Object.fromEntries(bad.map((text) => [text, ''])) : bad;
  for (const [text, reason] of Object.entries(reasons))
    test(`${name} must not be ${JSON.stringify(text)}`, () => {
      const shown = secret || text.includes('@') ? `(${text.length} characters, not shown)` : text;
      assert.throws(() => readConfig({ [name]: text }), {
        constructor: ConfigError,
        message: `${name}=${shown} is not allowed: ${allowed}${reason}`,
      });
    });
}

test('ROLE=worker needs DATABASE_URL', () => {
  assert.equal(readConfig({ ROLE: 'worker', DATABASE_URL }).role, 'worker');
  assert.throws(() => readConfig({ ROLE: 'worker' }), {
    constructor: ConfigError,
    message: 'ROLE=worker needs DATABASE_URL: the embedded database belongs to ROLE all and api',
  });
});

test('DATABASE_DIRECT_URL needs DATABASE_URL', () => {
  assert.throws(() => readConfig({ DATABASE_DIRECT_URL: DATABASE_URL }), {
    constructor: ConfigError,
    message: 'DATABASE_DIRECT_URL needs DATABASE_URL: it is the way to the same database past a pooler',
  });
});

test('with DATABASE_URL only public addresses are allowed, unless CALLBACK_ALLOW names others', () => {
  assert.deepEqual(readConfig({ DATABASE_URL }).callbackAllow, { hosts: [], ranges: [] });
  const { callbackAllow } = readConfig({ DATABASE_URL, CALLBACK_ALLOW: '10.0.0.0/8, hooks.test:8443' });
  assert.ok(namesAddress(callbackAllow, '10.1.2.3', 8080));
  assert.ok(namesHost(callbackAllow, 'hooks.test', 8443) && !namesHost(callbackAllow, 'hooks.test', 8080));
});

for (const name of ['CALLBACK_ALLOW', 'HTTP_ALLOW'] as const) {
  const member = name === 'HTTP_ALLOW' ? 'httpAllow' : 'callbackAllow';

  test(`${name} accepts hosts, addresses and ranges; an empty value allows none`, () => {
    assert.ok(namesHost(readConfig({ [name]: 'api.test' })[member], 'api.test', 443));
    assert.ok(namesAddress(readConfig({ [name]: '10.0.0.5,192.168.0.0/16' })[member], '192.168.3.4', 80));
    assert.deepEqual(readConfig({ [name]: '' })[member], { hosts: [], ranges: [] });
  });

  for (const entry of ['10.0.0.0/33', 'http://api.test', 'api.test:0', '*'])
    test(`${name} must not have ${entry}`, () => {
      assert.throws(() => readConfig({ [name]: `api.test,${entry}` }), {
        constructor: ConfigError,
        message:
          `${name}=api.test,${entry} is not allowed: it must be hosts, IP addresses or CIDRs, ` +
          `separated by commas ("${entry}" is not a host, host:port, IP address or CIDR)`,
      });
    });
}
