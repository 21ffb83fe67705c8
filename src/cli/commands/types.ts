import { resolve } from 'node:path';
import type { Command } from 'commander';
import { ROOT, startEnvironment } from '../run-node.ts';
import { print } from '../standard-output.ts';
import type { Terminal } from '../terminal.ts';

export function registerTypes(program: Command, terminal: Terminal): void {
  program
    .command('types')
    .description('print declarations that type the names and params of all actions for batchwright/client')
    .action(() => types(terminal));
}

async function types(terminal: Terminal): Promise<void> {
  const { loadRegistry } = await import('../../registry/registry.ts');
  const { PLUGIN_DIR } = startEnvironment();
  const roots = PLUGIN_DIR ? [ROOT, resolve(PLUGIN_DIR)] : [ROOT];
  const { actions } = await loadRegistry(roots, { hasRoutes: false });
  const members = actions.map(
    ({ name, schema }) => `    ${JSON.stringify(name)}: FromSchema<${typeOf(schema)}>;\n`,
  );
  await print(
    terminal,
    `// Written by \`npx batchwright types\`: the actions of this project and their params.
import type { FromSchema } from 'batchwright/plugin';

declare module 'batchwright/client' {
  interface ActionParams {
${members.join('')}  }
}
`,
  );
}

/** The type of a JSON value whose members are known, as \`as const\` makes it. */
function typeOf(value: unknown): string {
  if (Array.isArray(value)) return `readonly [${value.map(typeOf).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{ ${members.map(([name, member]) => `readonly ${JSON.stringify(name)}: ${typeOf(member)}`).join('; ')} }`;
}
