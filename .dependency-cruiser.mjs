/**
 * The layers: what each folder may import beside itself, npm packages and node built-ins. Imports go down
 * only; the order here is the order of the layers. CONTRIBUTING.md says what each folder is for, and
 * test/checks/layers.test.ts holds its table against this one and proves every line.
 *
 * An entry is a folder, or a file where only that file may be seen.
 */
export const layers = {
  'src/main.ts': ['src/app', 'src/metrics', 'src/config', 'src/embedded', 'src/domain'],
  'src/app': [
    'src/http',
    'src/worker',
    'src/metrics',
    'src/pipeline',
    'src/access',
    'src/registry',
    'src/validation',
    'src/config',
    'src/outbound',
    'src/queue',
    'src/store',
    'src/postgres',
    'src/plugin',
    'src/domain',
    'src/contract',
  ],
  'src/http': [
    'src/pipeline',
    'src/access',
    'src/postgres/errors.ts',
    'src/plugin',
    'src/domain',
    'src/telemetry',
    'src/contract',
    'src/json',
  ],
  'src/cli': ['src/client', 'src/config', 'src/store', 'src/postgres', 'src/domain', 'src/json'],
  'src/demo': ['src/client', 'src/embedded', 'src/domain'],
  'src/dashboard': ['src/client', 'src/contract', 'src/json'],
  'src/worker': ['src/pipeline', 'src/queue', 'src/domain', 'src/telemetry'],
  'src/metrics': ['src/telemetry'],
  'src/testing': ['src/registry', 'src/validation', 'src/plugin'],
  'src/pipeline/call': [
    'src/pipeline/submit',
    'src/pipeline/read',
    'src/store',
    'src/plugin',
    'src/domain',
    'src/contract',
    'src/json',
  ],
  'src/pipeline/upkeep': [
    'src/pipeline/submit',
    'src/pipeline/control',
    'src/pipeline/settle',
    'src/registry',
    'src/queue',
    'src/store',
    'src/postgres',
    'src/plugin',
    'src/domain',
    'src/telemetry',
  ],
  'src/pipeline/submit': [
    'src/pipeline/settle',
    'src/access',
    'src/registry',
    'src/validation',
    'src/outbound',
    'src/queue',
    'src/store',
    'src/postgres',
    'src/domain',
    'src/telemetry',
    'src/contract',
    'src/json',
  ],
  'src/pipeline/run': [
    'src/pipeline/throttle',
    'src/pipeline/settle',
    'src/registry',
    'src/queue',
    'src/store',
    'src/postgres',
    'src/plugin',
    'src/domain',
    'src/telemetry',
    'src/contract',
  ],
  'src/pipeline/throttle': ['src/registry', 'src/store', 'src/plugin', 'src/domain'],
  'src/pipeline/deliver': [
    'src/pipeline/read',
    'src/outbound',
    'src/queue',
    'src/store',
    'src/postgres',
    'src/plugin',
    'src/domain',
    'src/telemetry',
    'src/contract',
  ],
  'src/pipeline/read': [
    'src/registry',
    'src/queue',
    'src/store',
    'src/postgres',
    'src/plugin',
    'src/domain',
    'src/contract',
    'src/json',
  ],
  'src/pipeline/control': [
    'src/pipeline/settle',
    'src/access',
    'src/registry',
    'src/queue',
    'src/store',
    'src/postgres',
    'src/plugin',
    'src/domain',
    'src/contract',
  ],
  'src/pipeline/settle': [
    'src/queue',
    'src/store',
    'src/postgres',
    'src/domain',
    'src/contract',
    'src/telemetry',
  ],
  'src/access': [
    'src/registry',
    'src/outbound',
    'src/store',
    'src/postgres',
    'src/plugin',
    'src/domain',
    'src/contract',
    'src/json',
  ],
  'src/registry': ['src/validation', 'src/plugin', 'src/domain'],
  'src/validation': ['src/domain', 'src/contract', 'src/json'],
  'src/config': ['src/outbound', 'src/domain'],
  'src/outbound': ['src/plugin', 'src/domain'],
  'src/queue': ['src/postgres', 'src/domain'],
  'src/store': ['src/domain', 'src/contract'],
  'src/embedded': ['src/postgres', 'src/domain'],
  'src/postgres': ['src/domain'],
  'src/plugin': ['src/validation'],
  'src/domain': ['src/contract'],
  'src/telemetry': [],
  'src/contract': [],
  'src/client': [],
  'src/json': [],
  jobs: ['src/plugin/index.ts', 'schemas'],
  schemas: ['src/plugin/index.ts'],
  examples: [],
};

const OURS = '^(src|jobs|schemas|examples|test|bench)/';

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
        'a namespace can be taken away without breaking another; what they share is in jobs/lib and schemas/lib',
      severity: 'error',
      from: { path: '^(?:jobs|schemas)/([^/]+)/' },
      to: { path: '^(jobs|schemas)/', pathNot: '^(jobs|schemas)/($1|lib)/' },
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
      name: 'any runtime',
      comment: 'batchwright/client runs in browsers too: fetch and web standards are all it has',
      severity: 'error',
      from: { path: '^src/client/' },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional'] },
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
