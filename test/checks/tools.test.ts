import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import manifest from '../../package.json' with { type: 'json' };
import { PlantedProject } from './planted.ts';

/** One project for all tools: each must report its own planted errors and nothing else. */
const FILES = {
  'src/main.ts': `import helmet from 'helmet';
import { count } from './domain/wrong-type.ts';
import './domain/floating.ts';
import './domain/untidy.ts';
import { used } from './domain/exports.ts';
import { pass, select } from './pipeline/statements.ts';
import { beginHere, connect } from './postgres/statements.ts';
import { begin, beginLonger, beginPrepared, connections, selectToo } from './store/statements.ts';

console.log(helmet, count, used, pass, select, selectToo);
console.log(begin, beginHere, beginLonger, beginPrepared, connect, connections);
`,
  'src/domain/wrong-type.ts': `export const count: number = 'one';
`,
  'src/domain/floating.ts': `async function work(): Promise<void> {}

work();
work().then(() => console.log('done'));
[1, 2].forEach(async () => await work());
process.once('exit', async () => await work());
`,
  'src/domain/untidy.ts': `console.log( "not as the formatter has it" );
debugger;
console.log(process.argv[2]!);
`,
  'src/domain/exports.ts': `export const used = 1;
export const unused = 2;
`,
  'src/domain/unused.ts': `console.log('nobody imports this');
`,
  'src/pipeline/statements.ts': `import type { Client } from 'pg';

export const select = (client: Client) => client.query('select 1');
export const pass = (client: Client, statement: string) => client.query(statement);
`,
  'src/postgres/statements.ts': `import pg, { type Client } from 'pg';

export const beginHere = (client: Client) => client.query('begin');
export const connect = () => [new pg.Client(), new pg.Pool()];
`,
  'src/store/statements.ts': `import pg, { Client, Pool } from 'pg';
import { PgBoss } from 'pg-boss';

export const selectToo = (client: Client) => client.query('select 1');
export const begin = (client: Client) => client.query('begin isolation level repeatable read');
export const beginLonger = (client: Client, more: string) => client.query(\`BEGIN; \${more}\`);
export const beginPrepared = { name: 'open', text: ' start transaction' };
export const connections = [
  new pg.Client(),
  new pg.Pool(),
  new Client(),
  new Pool(),
  new PgBoss({ connectionString: 'postgres://127.0.0.1' }),
  new PgBoss({ db: { executeSql: async () => ({ rows: [] }) } }),
];
`,
};

const DEPENDENCIES = {
  dependencies: { got: '*', pg: '*', 'pg-boss': '*' },
  devDependencies: {
    '@biomejs/biome': '*',
    '@types/node': '*',
    '@types/pg': '*',
    commander: '*',
    'dependency-cruiser': '*',
    knip: '*',
    oxlint: '*',
    'oxlint-tsgolint': '*',
    typescript: '*',
  },
};

let project: PlantedProject;

before(async () => {
  project = await PlantedProject.make(FILES, DEPENDENCIES);
});
after(() => project[Symbol.asyncDispose]());

test('check:types fails for a wrong type', async () => {
  const { code, output } = await project.run('check:types', ['--pretty', 'false']);

  assert.notEqual(code, 0);
  assert.deepEqual(found(output, /^(.+)\(\d+,\d+\): error (TS\d+)/gm), ['src/domain/wrong-type.ts TS2322']);
});

test('check:lint fails for lint and format errors, SQL outside the store, and connections outside src/postgres', async () => {
  const { code, output } = await project.run('check:lint', ['--reporter=github']);

  assert.notEqual(code, 0);
  assert.deepEqual(found(output, /^::\w+ title=([^,]+),file=[^,]*?\/(src\/[^,]+|[^/,]+),/gm), [
    'format src/domain/untidy.ts',
    'lint/style/noNonNullAssertion src/domain/untidy.ts',
    'lint/suspicious/noDebugger src/domain/untidy.ts',
    'plugin src/pipeline/statements.ts',
    // Three that begin a transaction, and five that connect.
    ...Array.from({ length: 8 }, () => 'plugin src/store/statements.ts'),
  ]);
});

test('check:promises fails for a promise that is not awaited', async () => {
  const { code, output } = await project.run('check:promises', ['--format=unix']);

  assert.notEqual(code, 0);
  assert.deepEqual(found(output, /^(.+:\d+):\d+: .*\/typescript\((.+)\)\]$/gm), [
    'src/domain/floating.ts:3 no-floating-promises',
    'src/domain/floating.ts:4 no-floating-promises',
    'src/domain/floating.ts:5 no-misused-promises',
    'src/domain/floating.ts:6 no-misused-promises',
  ]);
});

test('check:dead fails for unused files, exports and dependencies, and for undeclared packages', async () => {
  const { code, output } = await project.run('check:dead', ['--reporter=compact']);

  assert.notEqual(code, 0);
  assert.deepEqual(output.trim().split('\n'), [
    'Unused files (1)',
    'src/domain/unused.ts: src/domain/unused.ts',
    'Unused dependencies (1)',
    'package.json: got',
    'Unused devDependencies (1)',
    'package.json: commander',
    'Unlisted dependencies (1)',
    'src/main.ts: helmet',
    'Unused exports (1)',
    'src/domain/exports.ts: unused',
  ]);
});

test('npm run check runs every check', () => {
  const { check, ...others }: Record<string, string> = manifest.scripts;
  const names = Object.keys(others).filter((name) => name.startsWith('check:'));

  assert.deepEqual(
    check?.split(' && '),
    names.map((name) => `npm run ${name}`),
  );
});

/** The groups of each match, concatenated and sorted. */
function found(output: string, pattern: RegExp): string[] {
  return [...output.matchAll(pattern)].map(([, ...groups]) => groups.join(' ')).sort();
}
