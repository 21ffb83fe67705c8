import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { after, before, test } from 'node:test';
import { type Outcome, PlantedProject, ROOT } from './planted.ts';

interface Import {
  from: string;
  to: string;
  /** An import as it is written in the code. */
  specifier: string;
}

/** Layers that are beside `src`. */
const OUTSIDE_SRC = ['jobs', 'schemas', 'examples'];

/** The table of CONTRIBUTING.md: each folder or file, and what it may import. */
const layers = parseLayers(await readFile(join(ROOT, 'CONTRIBUTING.md'), 'utf8'));
layers.set('test', ['src', 'jobs', 'schemas', 'examples', 'bench']);
layers.set('bench', ['src', 'jobs', 'schemas', 'examples', 'test']);

/** Every layer imports every other. */
const pairs: Import[] = [...layers.keys()].flatMap((from) =>
  [...targets()]
    .filter((to) => !isInside(to, from))
    .map((to) => {
      const file = from.endsWith('.ts') ? from : `${firstFolder(from)}/to-${to.replaceAll('/', '-')}`;
      return { from: file, to, specifier: specifierOf(file, to) };
    }),
);

/** Cases beyond pairs of layers: the rule that must fail, the file, its import, and the imported file. */
const others: [rule: string, from: string, specifier: string, to: string][] = [
  ['layer jobs', 'jobs/demo/deep.ts', '../../src/plugin/deep.ts', 'src/plugin/deep.ts'],
  ['layer src/http', 'src/http/new.ts', '../new/index.ts', 'src/new/index.ts'],
  ['layer missing', 'src/new/index.ts', '../domain/index.ts', 'src/domain/index.ts'],
  ['public names', 'jobs/demo/plugin.ts', '../../src/plugin/index.ts', 'src/plugin/index.ts'],
  ['public names', 'jobs/demo/schema.ts', '../../schemas/demo/index.ts', 'schemas/demo/index.ts'],
  ['one namespace', 'jobs/other/job.ts', '../demo/index.ts', 'jobs/demo/index.ts'],
  ['one namespace', 'jobs/other/schema.ts', '#schemas/demo/index.ts', 'schemas/demo/index.ts'],
  ['one namespace', 'schemas/other/schema.ts', '../demo/index.ts', 'schemas/demo/index.ts'],
  ['one namespace', 'jobs/lib/shared.ts', '../demo/index.ts', 'jobs/demo/index.ts'],
  ['circle', 'src/domain/one.ts', './two.ts', 'src/domain/two.ts'],
  ['not found', 'src/domain/lost.ts', './gone.ts', './gone.ts'],
  ['any runtime', 'src/client/node.ts', 'node:fs', 'fs'],
  ['any runtime', 'src/client/package.ts', 'pg', 'pg'],
  ['not installed', 'src/cli/development.ts', 'typescript', 'typescript'],
];

let project: PlantedProject;
let report: Outcome;

before(async () => {
  project = await PlantedProject.make({
    ...sources([...pairs, ...others.map(([, from, specifier, to]) => ({ from, specifier, to }))]),
    'src/domain/two.ts': "import type {} from './one.ts';\n",
  });
  report = await project.run('check:layers');
});
after(() => project[Symbol.asyncDispose]());

test('every import that CONTRIBUTING.md does not allow fails under the name of its layer, and no other', () => {
  const planted = pairs.map(({ from, to }) => `: ${from} → ${to}`);
  const expected = pairs
    .filter(({ from, to }) => !allowed(from).some((entry) => isInside(to, entry)))
    .map(({ from, to }) => `layer ${layerOf(from)}: ${from} → ${to}`);
  const found = violations().filter(
    (line) => line.startsWith('layer ') && planted.some((pair) => line.endsWith(pair)),
  );

  assert.ok(expected.length > 200, `only ${expected.length} forbidden imports were planted`);
  assert.deepEqual(found.sort(), expected.sort());
});

for (const [rule, from, specifier, to] of others) {
  test(`in ${from} an import of ${specifier} fails as: ${rule}`, () => {
    assert.equal(report.code, 1);
    assert.ok(violations().includes(`${rule}: ${from} → ${to}`), report.output);
  });
}

test('every import is found, batchwright/plugin and #schemas too, except one of a missing file', () => {
  assert.deepEqual(
    violations().filter((line) => line.startsWith('not found: ')),
    ['not found: src/domain/lost.ts → ./gone.ts'],
  );
});

test('every folder and file of src has its row in the table', async () => {
  const present = (await readdir(join(ROOT, 'src'))).map((name) => `src/${name}`);

  assert.deepEqual(
    present.filter((path) => ![...layers.keys()].some((layer) => isInside(layer, path))),
    [],
  );
});

test('a project without modules fails', async () => {
  await using empty = await PlantedProject.make({});
  const { code, output } = await empty.run('check:layers');

  assert.equal(code, 1);
  assert.match(output, /there is no file in src/);
});

test('a run that cannot read TypeScript fails', async () => {
  const blind = `import { registerHooks } from 'node:module';
    const resolve = (specifier, context, next) =>
      next(specifier === 'typescript' ? 'node:no-typescript' : specifier, context);
    registerHooks({ resolve });`;
  await using unreadable = await PlantedProject.make({ 'blind.mjs': blind, 'src/main.ts': 'export {};\n' });
  const { code, output } = await unreadable.run('check:layers', [], { NODE_OPTIONS: '--import ./blind.mjs' });

  assert.equal(code, 1);
  assert.match(output, /files were not read/);
});

/** Rows such as `| folder | its duty | may import, may import |`; other lines do not begin with a folder. */
function parseLayers(markdown: string): Map<string, string[]> {
  const layers = new Map<string, string[]>();
  for (const line of markdown.split('\n')) {
    const [, name, below] = /^\| `([^`]+)` \|[^|]*\|([^|]*)\|$/.exec(line) ?? [];
    if (name && below) layers.set(fromRoot(name), (below.match(/(?<=`)[\w./-]+(?=`)/g) ?? []).map(fromRoot));
  }
  return layers;
}

/** The table leaves out `src/`. */
function fromRoot(path: string): string {
  return OUTSIDE_SRC.includes(path) ? path : `src/${path}`;
}

/** The file that represents each layer when it is imported, and every file in the table. */
function targets(): Set<string> {
  const names = [...layers.entries()].flatMap(([name, below]) => [name, ...below]);
  return new Set(names.map((name) => (name.endsWith('.ts') ? name : join(firstFolder(name), 'index.ts'))));
}

/** Plugins and schemas are one folder deeper. */
function firstFolder(layer: string): string {
  return layer === 'jobs' || layer === 'schemas' ? `${layer}/demo` : layer;
}

function isInside(file: string, layer: string): boolean {
  return file === layer || file.startsWith(`${layer}/`);
}

function layerOf(file: string): string {
  return [...layers.keys()].find((layer) => isInside(file, layer)) ?? assert.fail(file);
}

function allowed(file: string): string[] {
  return layers.get(layerOf(file)) ?? [];
}

function specifierOf(from: string, to: string): string {
  const plugin = from.startsWith('jobs/') || from.startsWith('schemas/');
  if (plugin && to === 'src/plugin/index.ts') return 'batchwright/plugin';
  if (from.startsWith('jobs/') && to.startsWith('schemas/')) return `#${to}`;
  return `./${relative(dirname(from), to)}`;
}

/** The files that contain these imports, and the imported files. */
function sources(imports: Import[]): Record<string, string> {
  const files: Record<string, string> = {};
  for (const { to } of imports) if (to.includes('/')) files[to] = '';
  for (const { from, specifier } of imports) files[from] = `${files[from] ?? ''}import '${specifier}';\n`;
  return files;
}

/** Lines `rule: from → to` of the report; packages by their name. */
function violations(): string[] {
  const lines = report.output.matchAll(/error (.+): (\S+) → \s*(\S+)/g);
  return [...lines].map(
    ([, rule, from, to]) => `${rule}: ${from} → ${to?.replace(/.*node_modules\/([^/]+).*/, '$1')}`,
  );
}
