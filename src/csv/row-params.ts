/** The params of a job from a row of a CSV file. */
import { rawNumber } from '../json/raw-numbers.ts';
import type { CsvObject, CsvShape } from './columns.ts';

/**
 * The params as JSON on one line.
 *
 * @param cells in the order of the columns; a missing one counts as empty
 */
export function rowParams(shape: CsvObject, cells: readonly string[]): string {
  return JSON.stringify(filled(shape, cells) ?? {});
}

/** Undefined when all its cells are empty. */
function filled(shape: CsvShape, cells: readonly string[]): unknown {
  if (shape.kind === 'cell') return cellValue(cells[shape.column] ?? '', shape.types);
  if (shape.kind === 'array') {
    // Elements whose cells are empty are left out.
    const elements = shape.elements
      .map((element) => filled(element, cells))
      .filter((value) => value !== undefined);
    return elements.length > 0 ? elements : undefined;
  }
  let object: Record<string, unknown> | undefined;
  for (const [name, member] of shape.members) {
    const value = filled(member, cells);
    if (value === undefined) continue;
    // Without a prototype, because a column may be called __proto__.
    object ??= Object.create(null) as Record<string, unknown>;
    object[name] = value;
  }
  return object;
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
