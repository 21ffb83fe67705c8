/** The jobs of a CSV file, one for each row. */
import { badRequest } from './callback-url.ts';
import { type CsvRow, csvRows } from './csv-rows.ts';
import { shown } from './item-error.ts';
import type { ItemAction } from './json-items.ts';

const PROPERTY = 'properties.';
/** The first is required. */
const COLUMNS = {
  createParticipant: ['uniqueCode', 'name', 'owner'],
  updateParticipant: ['id', 'name', 'owner'],
} as const;

/** Throws 400 that names the line for a file without rows, for wrong columns and for what is not CSV. */
export async function* csvJobs(file: AsyncIterable<Buffer>, { action, type }: ItemAction) {
  let columns: string[] | undefined;
  let count = 0;
  for await (const row of csvRows(file)) {
    if (!columns) columns = columnsOf(row, COLUMNS[action]);
    else {
      count += 1;
      yield { namespace: 'os1', action, params: { type, line: row.line, ...itemOf(row, columns) } };
    }
  }
  if (!columns) throw badRequest('The file is empty: its first line must name the columns');
  if (count === 0) throw badRequest('The file has no rows after line 1');
}

function columnsOf({ line, cells }: CsvRow, known: readonly string[]): string[] {
  const columns = cells.map((cell) => cell.trim());
  const [required = ''] = known;
  const found = new Set<string>();
  for (const name of columns) {
    if (found.has(name)) throw badRequest(`line ${line}: the column "${shown(name)}" is there twice`);
    found.add(name);
    if (known.includes(name) || (name.startsWith(PROPERTY) && name !== PROPERTY)) continue;
    throw badRequest(
      `line ${line}: the column "${shown(name)}" is not known: columns are ${known.join(', ')} and properties.<name>`,
    );
  }
  if (!found.has(required)) throw badRequest(`line ${line}: the column "${required}" is missing`);
  return columns;
}

/** An empty cell is an absent member. */
function itemOf({ line, cells }: CsvRow, columns: readonly string[]): object {
  // By its cells: short rows below a first line of many columns cost little.
  const given = cells.flatMap((cell, position): [string, string][] => {
    const name = columns[position];
    return cell === '' || name === undefined ? [] : [[name, cell]];
  });
  const members = given.filter(([name]) => !name.startsWith(PROPERTY));
  const properties = given.flatMap(([name, value]) =>
    name.startsWith(PROPERTY) ? [[name.slice(PROPERTY.length), value]] : [],
  );
  const participant = {
    ...Object.fromEntries(members),
    ...(properties.length > 0 ? { properties: Object.fromEntries(properties) } : {}),
  };
  if (cells.length === columns.length) return { participant };
  const fault = `line ${line} has ${cells.length} cells, and the first line has ${columns.length} columns`;
  return { participant, fault };
}
