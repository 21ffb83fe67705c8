/**
 * The layers: what each folder may import beside itself, npm packages and node built-ins. Imports go down
 * only; the order here is the order of the layers. CONTRIBUTING.md says what each folder is for, and
 * test/checks/layers.test.ts holds its table against this one and proves every line.
 *
 * An entry is a folder, or a file where only that file may be seen.
 */
export const layers = {
  'src/main.ts': [
    'src/app',
    'src/config.ts',
    'src/generated-keys.ts',
    'src/database',
    'src/domain',
    'src/json',
  ],
  'src/app': [
    'src/config.ts',
    'src/http',
    'src/dashboard',
    'src/cli',
    'src/worker',
    'src/database',
    'src/pipeline',
    'src/registry',
    'src/queue',
    'src/store',
    'src/postgres',
    'src/outbound',
    'src/plugin',
    'src/domain',
    'src/json',
  ],
  'src/config.ts': ['src/outbound', 'src/domain'],
  'src/generated-keys.ts': ['src/domain'],
  'src/http': ['src/pipeline', 'src/postgres/errors.ts', 'src/plugin', 'src/domain', 'src/json'],
  'src/dashboard': ['src/pipeline', 'src/plugin', 'src/domain', 'src/json'],
  'src/cli': [
    'src/config.ts',
    'src/generated-keys.ts',
    'src/database',
    'src/pipeline',
    'src/registry',
    'src/queue',
    'src/store',
    'src/postgres',
    'src/outbound',
    'src/plugin',
    'src/domain',
    'src/json',
  ],
  'src/worker': [
    'src/config.ts',
    'src/database',
    'src/pipeline',
    'src/registry',
    'src/queue',
    'src/store',
    'src/outbound',
    'src/plugin',
    'src/domain',
    'src/json',
  ],
  'src/testing': ['src/pipeline', 'src/registry', 'src/plugin', 'src/domain'],
  'src/pipeline': [
    'src/registry',
    'src/queue',
    'src/store',
    'src/postgres',
    'src/outbound',
    'src/plugin',
    'src/domain',
    'src/json',
  ],
  'src/registry': ['src/plugin', 'src/domain', 'src/json'],
  'src/outbound': ['src/plugin', 'src/domain'],
  'src/queue': ['src/postgres', 'src/domain'],
  'src/store': ['src/postgres', 'src/domain'],
  'src/database': ['src/postgres', 'src/domain'],
  'src/postgres': ['src/domain'],
  'src/plugin': ['src/domain', 'src/json'],
  'src/domain': [],
  'src/json': [],
  jobs: ['src/plugin/index.ts', 'schemas'],
  schemas: ['src/plugin/index.ts'],
};

const OURS = '^(src|jobs|schemas|test|bench)/';

/** A regular expression source for a path of the table: the file, or all that is in the folder. */
function inside(path) {
  const escaped = path.replaceAll('.', '\\.');
  return path.endsWith('.ts') ? `^${escaped}$` : `^${escaped}/`;
}

function layerRule([path, below]) {
  return {
    name: `layer ${path}`,
    comment: `may import: ${below.join(', ') || 'nothing of the project'}`,
    severity: 'error',
    from: { path: inside(path) },
    to: { path: OURS, pathNot: [path, ...below].map(inside) },
  };
}

export default {
  forbidden: [
    ...Object.entries(layers).map(layerRule),
    {
      name: 'layer missing',
      comment: 'name the folder in .dependency-cruiser.mjs and say what it may import',
      severity: 'error',
      from: { path: '^src/', pathNot: Object.keys(layers).map(inside) },
      to: {},
    },
    {
      name: 'public names',
      comment: 'plugins are written as if outside: they say batchwright/plugin and #schemas/…',
      severity: 'error',
      from: { path: '^(jobs|schemas)/' },
      to: { path: '^src/', dependencyTypes: ['local'] },
    },
    {
      name: 'public names',
      comment: 'plugins are written as if outside: they say batchwright/plugin and #schemas/…',
      severity: 'error',
      from: { path: '^jobs/' },
      to: { path: '^schemas/', dependencyTypesNot: ['aliased-subpath-import'] },
    },
    {
      name: 'one namespace',
      comment:
        'a namespace can be taken away without breaking another; what they share stands in schemas/lib',
      severity: 'error',
      from: { path: '^(?:jobs|schemas)/([^/]+)/' },
      to: { path: '^(jobs|schemas)/', pathNot: '^((jobs|schemas)/$1|schemas/lib)/' },
    },
    {
      name: 'circle',
      comment: 'type imports count too: what needs each other is one thing, or a third is missing',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'not found',
      comment: 'an import that leads nowhere would escape every other rule',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'not installed',
      comment: 'npm ci --omit=dev must be enough to run: move the package to dependencies',
      severity: 'error',
      from: { path: '^(src|jobs|schemas)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    // Types are dependencies too.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
