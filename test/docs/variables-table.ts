/** The table of variables in docs/configuration.md, generated from the variables of the configuration. */
import { type Variable, variables } from '../../src/config/variables.ts';

const HEAD = ['| variable | default | meaning |', '|---|---|---|'];
const TABLE = /^\| variable \|.*\n(?:\|.*\n)*/m;

/** The page with its table generated again. */
export function withVariablesTable(page: string): string {
  if (!TABLE.test(page)) throw new Error('docs/configuration.md has no table of variables');
  const rows = Object.values<Variable>(variables).map(rowOf);
  return page.replace(TABLE, () => [...HEAD, ...rows, ''].join('\n'));
}

function rowOf({ name, shownDefault, default: text, help }: Variable): string {
  return `| \`${name}\` | ${shownDefault ?? `\`${text}\``} | ${help} |`;
}
