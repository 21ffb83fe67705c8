/**
 * The manifest of the package. In a clone, package.json leads to TypeScript, which Node runs there without a build. Under
 * node_modules it does not, so the package's leads to what `npm run build` compiled.
 */

type Members = Record<string, unknown>;

export interface Manifest extends Members {
  bin: Record<string, string>;
  exports: Record<string, string>;
  dependencies: Record<string, string>;
}

/** Members that only concern the work in a clone. */
const OF_CLONE = ['scripts', 'allowScripts', 'overrides'];

/** What the dashboard is bundled from, and with. */
const BUNDLED = ['@preact/signals', 'esbuild', 'preact', 'uplot'];

/** The package.json of the package. */
export function packedManifest(clone: Manifest): Members {
  return {
    ...without(OF_CLONE, clone),
    dependencies: without(BUNDLED, clone.dependencies),
    bin: mapValues(clone.bin, (path) => `dist/${path}`),
    exports: mapValues(clone.exports, (path) => {
      const compiled = path.replace('./', './dist/').replace(/\.ts$/, '');
      return { types: `${compiled}.d.ts`, default: `${compiled}.js` };
    }),
    imports: { '#schemas/*.ts': './dist/schemas/*.js', '#package.json': './package.json' },
  };
}

function without(names: readonly string[], members: Members): Members {
  return Object.fromEntries(Object.entries(members).filter(([name]) => !names.includes(name)));
}

function mapValues<Value>(members: Record<string, string>, change: (value: string) => Value) {
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, change(value)]));
}
