import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { Router } from 'express';
import type { JobContext } from '../../src/plugin/context.ts';
import type { RouteTools } from '../../src/plugin/routes.ts';
import { loadRegistry } from '../../src/registry/registry.ts';
import { RegistryError } from '../../src/registry/registry-error.ts';
import { makePluginRoot } from './plugin-root.ts';

const JOB = 'jobs/demo/greet.ts';
const SCHEMA = 'schemas/demo/greet.ts';
const ROUTES = 'jobs/demo/routes.ts';
const schema = "export const params = { type: 'object' };";

/** The text of an action with these members in addition to the required ones. */
function action(members = ''): string {
  return `import { defineAction } from 'batchwright/plugin';
export default defineAction({ summary: 'Greets', run: () => 'Hello', ${members} });`;
}

test('an action gets every default that it does not set', async (t) => {
  const root = await makePluginRoot(t, { [SCHEMA]: schema, [JOB]: action() });
  const registry = await loadRegistry([root]);
  const { action: given, validate, ...entry } = registry.get('demo', 'greet') ?? assert.fail('not found');
  assert.deepEqual(entry, {
    name: 'demo.greet',
    schema: { type: 'object' },
    permission: 'demo.greet',
    queue: 'default',
    concurrency: 10,
    limits: undefined,
    timeoutSeconds: 60,
    transactional: false,
    retry: { limit: 3, delaySeconds: 1, backoff: true },
  });
  assert.equal(given.summary, 'Greets');
  assert.equal(validate({}) && !validate([]), true);
  assert.deepEqual(registry.queues, ['default']);
  assert.equal(registry.get('demo', 'other'), undefined);
});

test('an action keeps the options that it sets', async (t) => {
  const members = `permission: 'demo.any', queue: 'mails', concurrency: 2, timeoutSeconds: 0.5,
    transactional: true, retry: { limit: 0 }`;
  const root = await makePluginRoot(t, { [SCHEMA]: schema, [JOB]: action(members) });
  const registry = await loadRegistry([root]);
  const {
    action: _,
    validate,
    schema: __,
    name,
    ...options
  } = registry.get('demo', 'greet') ?? assert.fail();
  assert.deepEqual(options, {
    permission: 'demo.any',
    queue: 'mails',
    concurrency: 2,
    limits: undefined,
    timeoutSeconds: 0.5,
    transactional: true,
    retry: { limit: 0, delaySeconds: 1, backoff: true },
  });
  assert.deepEqual(registry.queues, ['default', 'mails']);
});

test('a namespace may have routes and migrations, with or without actions', async (t) => {
  const routes = "export default { prefix: '/demo/v2', routes() {} };";
  const root = await makePluginRoot(t, { [ROUTES]: routes, 'jobs/demo/migrations/001_a.sql': '' });
  const registry = await loadRegistry([root]);
  assert.deepEqual(
    registry.routes.map(({ namespace, place, routes }) => [namespace, place, routes.prefix]),
    [['demo', `${root}/${ROUTES}`, '/demo/v2']],
  );
  assert.deepEqual(registry.migrations, [{ namespace: 'demo', directory: `${root}/jobs/demo/migrations` }]);
});

/** The files of two roots, and the line that names both; ONE and OTHER stand for the roots. */
const twice: [what: string, one: Record<string, string>, other: Record<string, string>, message: string][] = [
  [
    'the same action',
    { [SCHEMA]: schema, [JOB]: action() },
    { [SCHEMA]: schema, [JOB]: action() },
    `OTHER/${JOB}: the action demo.greet exists already, in ONE/${JOB}`,
  ],
  [
    'actions whose names differ in case only',
    { [SCHEMA]: schema, [JOB]: action() },
    { 'schemas/demo/Greet.ts': schema, 'jobs/demo/Greet.ts': action() },
    `OTHER/jobs/demo/Greet.ts: the action demo.Greet exists already as demo.greet, in ONE/${JOB}`,
  ],
  [
    'namespaces whose names differ in case only',
    { [SCHEMA]: schema, [JOB]: action() },
    { 'schemas/Demo/other.ts': schema, 'jobs/Demo/other.ts': action() },
    'OTHER/jobs/Demo: the namespace Demo exists already as demo, in ONE/jobs/demo',
  ],
  [
    'migrations of one namespace',
    { 'jobs/demo/migrations/001_a.sql': '' },
    { 'jobs/demo/migrations/002_b.sql': '' },
    'OTHER/jobs/demo/migrations: the folder of migrations of demo exists already, in ONE/jobs/demo/migrations',
  ],
];

for (const [what, files, others, message] of twice)
  test(`two roots must not have ${what}`, async (t) => {
    const one = await makePluginRoot(t, files);
    const other = await makePluginRoot(t, others);
    await assert.rejects(loadRegistry([one, other]), {
      constructor: RegistryError,
      message: message.replace('OTHER', other).replace('ONE', one),
    });
  });

test('two roots may share a namespace', async (t) => {
  const one = await makePluginRoot(t, { [SCHEMA]: schema, [JOB]: action() });
  const other = await makePluginRoot(t, { 'schemas/demo/part.ts': schema, 'jobs/demo/part.ts': action() });
  const { actions } = await loadRegistry([one, other]);
  assert.deepEqual(
    actions.map(({ name }) => name),
    ['demo.greet', 'demo.part'],
  );
});

/** The error, the files, and the one line that reports it, which begins with the root. */
const refused: [what: string, files: Record<string, string>, message: string | RegExp][] = [
  [
    'a job that exports nothing',
    { [JOB]: '' },
    `${JOB}: its default export must be defineAction({ … }), not undefined`,
  ],
  [
    'a job that exports a function',
    { [JOB]: 'export default () => 1;' },
    `${JOB}: its default export must be defineAction({ … }), not [Function: default]`,
  ],
  [
    'a job that exports null',
    { [JOB]: 'export default null;' },
    `${JOB}: its default export must be defineAction({ … }), not null`,
  ],
  [
    'a job without run or runMany',
    { [JOB]: "export default { summary: 'x' };" },
    `${JOB}: it must have either run or runMany`,
  ],
  ['a job with both', { [JOB]: action('runMany: () => []') }, `${JOB}: it must have either run or runMany`],
  [
    'a job with failsAlone that is not transactional',
    { [JOB]: "export default { summary: 'x', runMany: () => [], failsAlone: true };" },
    `${JOB}: failsAlone is for an action with transactional and runMany`,
  ],
  [
    'a run that is not a function',
    { [JOB]: "export default { summary: 'x', run: 1 };" },
    `${JOB}: run must be a function, not 1`,
  ],
  ['a job without a summary', { [JOB]: 'export default { run() {} };' }, `${JOB}: summary must be a text`],
  [
    'a job with an unknown option that is near a known one',
    { [JOB]: action('timeout: 3') },
    `${JOB}: timeout is not known: did you mean timeoutSeconds?`,
  ],
  [
    'a job with an option that is near none',
    { [JOB]: action('cron: 3') },
    /^jobs\/demo\/greet\.ts: cron is not known: known names are summary, run, runMany, retry, timeoutSeconds, /,
  ],
  [
    'a job with a syntax error',
    { [JOB]: 'export default {\n  run( {};\n' },
    /^jobs\/demo\/greet\.ts: line [23]: Expected/,
  ],
  [
    'a job that imports a file with a syntax error',
    { [JOB]: "import './lib/a.ts';", 'jobs/demo/lib/a.ts': '\nexport const = 1;' },
    /^jobs\/demo\/greet\.ts: \/.*\/jobs\/demo\/lib\/a\.ts, line 2: /,
  ],
  [
    'a job that imports what is not there',
    { [JOB]: "import './lib/gone.ts';" },
    /^jobs\/demo\/greet\.ts: Cannot find module '.*lib\/gone\.ts' imported from .*\/jobs\/demo\/greet\.ts$/,
  ],
  [
    'a job that imports a file without its extension',
    { [JOB]: "import './lib/a';", 'jobs/demo/lib/a.ts': '' },
    /^jobs\/demo\/greet\.ts: Cannot find module .*\/lib\/a' imported .*: an import names the whole file, with \.ts$/,
  ],
  [
    'a job that imports a package that is not installed',
    { [JOB]: "import 'no-such-package';" },
    /^jobs\/demo\/greet\.ts: Cannot find package 'no-such-package' imported .*: run npm install in that folder$/,
  ],
  [
    'a job that imports what package.json does not have',
    { [JOB]: "import '#other/greet.ts';" },
    /^jobs\/demo\/greet\.ts: .*"#other\/greet\.ts" is not defined .*: package\.json of that folder must have "imports"/,
  ],
  [
    'a job that imports a type as a value',
    { [JOB]: "import { Log } from 'batchwright/plugin';" },
    /^jobs\/demo\/greet\.ts: line 1: .* does not provide an export named 'Log': is it a type\? Then say import type$/,
  ],
  ['a job that throws', { [JOB]: "\nthrow new Error('first\\nsecond');" }, `${JOB}: line 2: first second`],
  ['a job that throws a text', { [JOB]: "throw 'a\\nb';" }, `${JOB}: it threw 'a\\nb'`],
  ['a job that throws nothing', { [JOB]: 'throw undefined;' }, `${JOB}: it threw undefined`],
  [
    'a job that throws an object',
    { [JOB]: 'throw { a: { b: [1] } };' },
    `${JOB}: it threw { a: { b: [Array] } }`,
  ],
  [
    'a job that throws what cannot be looked at',
    { [JOB]: 'const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); throw proxy;' },
    `${JOB}: Cannot perform 'get' on a proxy that has been revoked`,
  ],
  [
    'a job that throws an error whose message throws',
    { [JOB]: "throw Object.defineProperty(new Error(), 'message', { get() { throw 1; } });" },
    `${JOB}: it threw an error that cannot be shown`,
  ],
  ...(
    [
      ['concurrency', '0', 'must be a whole number from 1'],
      ['concurrency', "'10'", 'must be a whole number from 1'],
      ['concurrency', '1.5', 'must be a whole number from 1'],
      ['timeoutSeconds', '0', 'must be a number over 0, at most 21600'],
      ['timeoutSeconds', '86400', 'must be a number over 0, at most 21600'],
      ['timeoutSeconds', "'3'", 'must be a number over 0, at most 21600'],
      ['timeoutSeconds', 'null', 'must be a number over 0, at most 21600'],
      ['timeoutSeconds', 'NaN', 'must be a number over 0, at most 21600'],
      [
        'queue',
        "'my mails'",
        'must be letters, digits, - and _, begin with a letter and have 41 characters at most',
      ],
      ['retry', '3', 'must be like { limit: 3, delaySeconds: 1, backoff: true }'],
      ['retry', '[]', 'must be like { limit: 3, delaySeconds: 1, backoff: true }'],
      ['permission', "''", 'must be a text'],
      ['transactional', '1', 'must be true or false'],
      ['transactional', "'yes'", 'must be true or false'],
    ] as const
  ).map(([option, value, rule]): [string, Record<string, string>, string] => [
    `${option}: ${value}`,
    { [JOB]: action(`${option}: ${value}`) },
    `${JOB}: ${option} ${rule}, not ${value}`,
  ]),
  ...(
    [
      ["limit: 'many'", "limit must be a whole number from 0 to 1000, not 'many'"],
      ['limit: 1001', 'limit must be a whole number from 0 to 1000, not 1001'],
      ['delaySeconds: -1', 'delaySeconds must be a number from 0, not -1'],
      ["delaySeconds: '1'", "delaySeconds must be a number from 0, not '1'"],
      ['backoff: 2', 'backoff must be true or false, not 2'],
      ['limits: 3', 'limits is not known: did you mean limit?'],
    ] as const
  ).map(([member, message]): [string, Record<string, string>, string] => [
    `retry: { ${member} }`,
    { [JOB]: action(`retry: { ${member} }`) },
    `${JOB}: retry.${message}`,
  ]),
  ...(
    [
      ['rate: 20', 'rate must be like { limit: 20, perSeconds: 1 }, not 20'],
      ['rate: { limit: 20 }', 'rate.perSeconds must be a number from 0.001 to 86400'],
      ['rate: { limit: 1.5, perSeconds: 1 }', 'rate.limit must be a whole number from 1 to 1000000, not 1.5'],
      ['rate: { limit: 1, perSeconds: 1, bursts: 2 }', 'rate.bursts is not known: did you mean burst?'],
      ['concurrency: { by: "tenant" }', 'concurrency.max must be a whole number from 1 to 1000000'],
      [
        "concurrency: { max: 1, by: 'account' }",
        `concurrency.by must be "tenant", a JSON Pointer into the params such as "/account", or "host of /url", not 'account'`,
      ],
    ] as const
  ).map(([member, message]): [string, Record<string, string>, string] => [
    `limits: { ${member} }`,
    { [JOB]: action(`limits: { ${member} }`) },
    `${JOB}: limits.${message}`,
  ]),
  [
    'an example that breaks the schema of its action',
    {
      [SCHEMA]: "export const params = { type: 'object', properties: { name: { type: 'string' } } };",
      [JOB]: action('example: { name: 1 }'),
    },
    `${JOB}: its example breaks its schema: params.name must be string`,
  ],
  ['a schema that exports nothing', { [SCHEMA]: '' }, `${SCHEMA}: it must export params, a JSON Schema`],
  [
    'a schema by another name',
    { [SCHEMA]: schema.replace('params', 'schema') },
    `${SCHEMA}: it must export params, a JSON Schema`,
  ],
  [
    'a schema that is not an object',
    { [SCHEMA]: 'export const params = true;' },
    `${SCHEMA}: it must export params, a JSON Schema, not true`,
  ],
  [
    'a schema that is not JSON',
    { [SCHEMA]: "export const params = { type: 'object', default: () => 1 };" },
    /^schemas\/demo\/greet\.ts: it must export params, a JSON Schema, but what it exports is not JSON: /,
  ],
  ...(
    [
      [
        "type: 'objekt'",
        "params.type must be one of array, boolean, integer, null, number, object, string, not 'objekt'",
      ],
      [
        "type: 'object', properties: { name: { type: ['string', 'nil'] } }",
        "params.properties.name.type[1] must be one of array, boolean, integer, null, number, object, string, not 'nil'",
      ],
      ["type: 'object', required: 'name'", "params.required must be array, not 'name'"],
      [
        "type: 'object', properties: { a: null, b: 1 }",
        'params.properties.a must be object or boolean, not null; params.properties.b must be object or boolean, not 1',
      ],
      [
        "type: 'object', maxLenght: 3",
        'params.maxLenght is not a keyword of JSON Schema: did you mean maxLength?',
      ],
      [
        "type: 'object', properties: { maxLenght: { type: 'array', items: { type: 'string', maxLenght: 3 } } }",
        'params.properties.maxLenght.items.maxLenght is not a keyword of JSON Schema: did you mean maxLength?',
      ],
      [
        "type: 'object', properties: { to: { type: 'string', format: 'emale' } }",
        'params.properties.to.format "emale" is not a known format: did you mean email?',
      ],
      [
        "type: 'object', properties: { to: { $ref: '#/$defs/gone' } }",
        'the $ref "#/$defs/gone" cannot be resolved',
      ],
      [
        "type: 'object', properties: { to: { required: ['a'] } }",
        /^missing type "object" for keyword "required" at params\.properties\.to|^required property "a" is not defined at params\.properties\.to/,
      ],
      [
        "$schema: 'http://json-schema.org/draft-07/schema#', type: 'object'",
        'params.$schema must be left out, or name draft 2020-12, not http://json-schema.org/draft-07/schema#',
      ],
      ["$async: true, type: 'object'", 'params.$async is not supported'],
    ] as const
  ).map(([members, message]): [string, Record<string, string>, string | RegExp] => [
    `the schema { ${members} }`,
    { [SCHEMA]: `export const params = { ${members} };` },
    typeof message === 'string'
      ? `${SCHEMA}: the schema does not compile: ${message}`
      : new RegExp(`^${SCHEMA}: the schema does not compile: (${message.source.replaceAll('^', '')})`),
  ]),
  [
    'a schema with a syntax error',
    { [SCHEMA]: 'export const params = {' },
    /^schemas\/demo\/greet\.ts: line 1: .*Expected/,
  ],
  ...["''", "'demo'", "'/'", "'/demo/'", "'/:any'", "'/a(b'", '1'].map(
    (prefix): [string, Record<string, string>, string] => [
      `routes with the prefix ${prefix}`,
      { [ROUTES]: `export default { prefix: ${prefix}, routes() {} };` },
      `${ROUTES}: prefix must be a path such as "/orders", without patterns and without a slash at the end, not ${prefix}`,
    ],
  ),
  [
    'routes that are none',
    { [ROUTES]: "export default { prefix: '/demo' };" },
    `${ROUTES}: routes must be a function`,
  ],
  [
    'routes with a member that is not known',
    { [ROUTES]: "export default { prefix: '/demo', routes() {}, authentication() {} };" },
    `${ROUTES}: authentication is not known: did you mean authenticate?`,
  ],
  [
    'routes whose authenticate is not a function',
    { [ROUTES]: "export default { prefix: '/demo', routes() {}, authenticate: true };" },
    `${ROUTES}: authenticate must be a function, not true`,
  ],
  [
    'routes that exports nothing',
    { [ROUTES]: 'export const prefix = 1;' },
    `${ROUTES}: its default export must be defineRoutes({ … }), not undefined`,
  ],
];

for (const [what, files, message] of refused)
  test(`${what} stops the start with one line that names the file`, async (t) => {
    const root = await makePluginRoot(t, { [SCHEMA]: schema, [JOB]: action(), ...files });
    const error = await loadRegistry([root]).then(
      () => assert.fail('it was loaded'),
      (thrown) => thrown,
    );
    assert.ok(error instanceof RegistryError);
    assert.doesNotMatch(error.message, /\n/);
    assert.ok(error.message.startsWith(`${root}/`), error.message);
    const line = error.message.slice(root.length + 1);
    if (typeof message === 'string') assert.equal(line, message);
    else assert.match(line, message);
  });

/** The error of `routes()`, its text, and the message. */
const failing: [what: string, text: string, message: string][] = [
  ['throws', "routes() {\n throw new Error('oops'); }", 'line 2: oops'],
  ['throws later', "async routes() {\n await null;\n throw new Error('oops'); }", 'line 3: oops'],
  [
    'never ends',
    'routes() { return new Promise(() => {}); }',
    'routes() has not ended after 0.05 s: it waits for something that does not happen',
  ],
];

for (const [what, text, message] of failing)
  test(`routes() that ${what} is an error that names the file`, async (t) => {
    const root = await makePluginRoot(t, { [ROUTES]: `export default { prefix: '/demo', ${text} };` });
    const { routes } = await loadRegistry([root], { limitMs: 50 });
    const keepAlive = setInterval(() => {}, 1000);
    t.after(() => clearInterval(keepAlive));
    await assert.rejects(async () => routes[0]?.routes.routes({} as Router, {} as RouteTools), {
      constructor: RegistryError,
      message: `${root}/${ROUTES}: ${message}`,
    });
  });

for (const file of [JOB, SCHEMA, ROUTES])
  test(`${file} that waits for ever is named when its time is over`, async (t) => {
    const files = { [SCHEMA]: schema, [JOB]: action(), [file]: 'await new Promise(() => {});' };
    const root = await makePluginRoot(t, files);
    const keepAlive = setInterval(() => {}, 1000);
    t.after(() => clearInterval(keepAlive));
    await assert.rejects(loadRegistry([root], { limitMs: 50 }), {
      constructor: RegistryError,
      message: `${root}/${file}: loading it has not ended after 0.05 s: it waits for something that does not happen`,
    });
  });

test('a file that blocks the event loop for ever is named, and the process is ended', async (t) => {
  const root = await makePluginRoot(t, { [SCHEMA]: schema, [JOB]: 'for (;;);' });
  const { signal, stdout, stderr } = await runLoader(root, 500);
  assert.deepEqual([signal, stdout], ['SIGKILL', '']);
  assert.equal(stderr, `${root}/${JOB}: loading it has blocked the event loop for 0.5 s: it does not end\n`);
});

test('files that are loaded in time are not named, even if there are many', async (t) => {
  const busy = 'const until = Date.now() + 1200; while (Date.now() < until);';
  const names = ['a', 'b', 'c', 'd']; // together they take longer than each may
  const files = names.flatMap((name) => [
    [`schemas/demo/${name}.ts`, schema],
    [`jobs/demo/${name}.ts`, `${action()} ${busy}`],
  ]);
  const root = await makePluginRoot(t, Object.fromEntries(files));
  const { signal, stdout, stderr } = await runLoader(root, 4000);
  assert.deepEqual([signal, stdout, stderr], [null, 'loaded\n', '']);
});

async function runLoader(root: string, limitMs: number) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'blocked-load.ts'), root, `${limitMs}`]);
  const [[, signal], stdout, stderr] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { signal, stdout, stderr };
}

// The last test: its import makes all later plugins load through tsx, with other error texts.
test('a plugin may use TypeScript syntax that cannot be removed', async (t) => {
  const root = await makePluginRoot(t, {
    [SCHEMA]: schema,
    [JOB]: `import { defineAction } from 'batchwright/plugin';
      import { Colour } from './lib/colour.ts';
      class Painter { constructor(private readonly colour: Colour) {} paint() { return this.colour; } }
      export default defineAction({ summary: 'Paints', run: () => new Painter(Colour.Red).paint() });`,
    'jobs/demo/lib/colour.ts': "export enum Colour { Red = 'red' }",
  });
  // Otherwise tsx leaves compiled files in the temporary folder.
  process.env.TSX_DISABLE_CACHE = '1';
  const registry = await loadRegistry([root]);
  const { action } = registry.get('demo', 'greet') ?? assert.fail();
  assert.equal(await action.run?.({}, {} as JobContext), 'red');
});
