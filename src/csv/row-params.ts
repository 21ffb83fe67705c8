/** The params of a job from a row of a CSV file. */
import { rawNumber } from '../json/raw-numbers.ts';
import type { CsvColumn } from './columns.ts';

/**
 * The members of an object or an array on the way: an array's by index, so that a high index costs no more than a low
 * one.
 */
interface Tree {
  isArray: boolean;
  members: Record<string, unknown>;
}

/**
 * The params as JSON on one line.
 *
 * @param cells in the order of the columns; a missing one counts as empty
 */
export function rowParams(columns: readonly CsvColumn[], cells: readonly string[]): string {
  const root = newTree(false);
  for (const [index, { path, types }] of columns.entries()) {
    const value = cellValue(cells[index] ?? '', types);
    if (value !== undefined) put(root, path, value);
  }
  return JSON.stringify(root, (_, value) => (isTree(value) ? contentOf(value) : value));
}

const trees = new WeakSet<object>();

function newTree(isArray: boolean): Tree {
  const tree = { isArray, members: Object.create(null) };
  trees.add(tree);
  return tree;
}

/** A cell may have JSON that looks like one. */
function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && trees.has(value);
}

/** Elements whose cells are empty are left out of arrays. */
function contentOf({ isArray, members }: Tree): object {
  return isArray ? Object.values(members) : members;
}

function put(root: Tree, path: readonly (string | number)[], value: unknown): void {
  let { members } = root;
  for (const [index, step] of path.entries()) {
    if (index === path.length - 1) members[step] = value;
    else {
      members[step] ??= newTree(typeof path[index + 1] === 'number');
      ({ members } = members[step] as Tree);
    }
  }
}

/** What the schema asks for; a cell that it is not stays a text, which the server then refuses. */
function cellValue(cell: string, types: ReadonlySet<string>): unknown {
  if (cell === '') return types.has('null') ? null : undefined;
  if (types.size === 0 || types.has('string')) return cell;
  const text = cell.trim();
  // Raw: large numbers keep their digits.
  const number = types.has('integer') || types.has('number') ? rawNumber(text) : undefined;
  if (number) return number;
  if (types.has('boolean') && /^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  return types.has('object') || types.has('array') ? jsonOr(text) : cell;
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
