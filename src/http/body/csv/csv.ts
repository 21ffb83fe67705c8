/** CSV files as batches: one row is one job of the same action, its cells are params. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { BatchwrightError } from '../../../contract/errors.ts';
import { CsvHeaderError, type CsvObject, shapeOf } from '../../../csv/columns.ts';
import { rowParams } from '../../../csv/row-params.ts';
import { type ActionName, jobText } from '../../../json/job-text.ts';
import type { IntakeEvent } from '../../../pipeline/submit/intake.ts';
import type { BodyLimits } from '../body.ts';
import { bodyOf, type HeldBody } from '../body-memory.ts';
import { pieces } from '../decode.ts';
import { formFile } from './form-file.ts';
import { type CsvOptions, type CsvRow, readRows } from './rows.ts';

const FORM = /^multipart\/form-data\s*(;|$)/i;

export interface CsvBatch {
  action: ActionName;
  /** The schema of the action's params: cells become what it asks for. */
  schema: object;
  /** The params of columns, where the header does not name them; an empty one leaves the column out. */
  renamed: ReadonlyMap<string, string>;
  /** Params that all rows have, written like cells. */
  fixed: ReadonlyMap<string, string>;
  delimiter: CsvOptions['delimiter'];
}

/**
 * A CSV file as events: first the `members` from the query, then its jobs, each at the line of its row. Also the digest
 * of all, which is known after the last event. Neither the file's size nor its form in memory grows with its rows.
 */
export function readCsv(
  request: IncomingMessage,
  limits: BodyLimits,
  batch: CsvBatch,
  members: Record<string, unknown>,
): { events: AsyncIterable<IntakeEvent[]>; digest: () => Buffer; body?: HeldBody } {
  const { action, renamed, fixed, delimiter } = batch;
  const settings = [members, action, [...renamed], [...fixed], delimiter];
  const hash = createHash('sha256').update(JSON.stringify(settings));
  async function* hashed(): AsyncGenerator<Buffer> {
    for await (const piece of pieces(request, Number.POSITIVE_INFINITY)) {
      hash.update(piece);
      yield piece;
    }
  }
  async function* events(): AsyncGenerator<IntakeEvent[]> {
    yield Object.entries(members).map(([key, value]) => ({
      kind: 'member',
      key,
      value: Buffer.from(JSON.stringify(value)),
    }));
    const type = request.headers['content-type'] ?? '';
    const file = FORM.test(type) ? formFile(hashed(), type) : hashed();
    const options = { delimiter, charset: charsetOf(type), maxRowBytes: limits.maxJobBytes };
    let toJob: ((row: CsvRow) => IntakeEvent) | undefined;
    let isEmpty = true;
    for await (const rows of readRows(file, options)) {
      const [header] = rows;
      const jobs = toJob ? rows : rows.slice(1);
      toJob ??= jobMaker(header as CsvRow, batch);
      if (jobs.length > 0) isEmpty = false;
      yield jobs.map(toJob);
    }
    if (isEmpty) throw new BatchwrightError('emptyJobs', { message: 'The file has no row below its header' });
    yield [{ kind: 'array-end' }];
  }
  return { events: events(), digest: () => hash.digest(), ...bodyOf(request) };
}

/** Throws `invalidRequest` for a charset that does not exist. */
function charsetOf(contentType: string): string {
  const [, charset = 'utf-8'] = /;\s*charset="?([^";\s]+)/i.exec(contentType) ?? [];
  try {
    return new TextDecoder(charset).encoding;
  } catch {
    throw new BatchwrightError('invalidRequest', {
      message: `The charset ${charset.slice(0, 50)} of the Content-Type does not exist`,
    });
  }
}

function jobMaker(header: CsvRow, batch: CsvBatch): (row: CsvRow) => IntakeEvent {
  const { action, fixed } = batch;
  const names = header.cells.map((name) => name.trim());
  const used = paramsOf(names, batch.renamed);
  const shape = paramsFor([...used.map(({ param }) => param), ...fixed.keys()], batch.schema);
  const same = [...fixed.values()];
  return ({ line, cells }) => {
    const params = rowParams(shape, [...used.map(({ index }) => cells[index] ?? ''), ...same]);
    return { kind: 'element', value: Buffer.from(jobText(action, params)), line };
  };
}

/** The columns that fill a param. */
function paramsOf(
  names: readonly string[],
  renamed: CsvBatch['renamed'],
): { param: string; index: number }[] {
  for (const column of renamed.keys())
    if (!names.includes(column))
      throw new BatchwrightError('invalidRequest', {
        message: `?map.${column.slice(0, 100)}= names no column of the file`,
      });
  return names
    .map((name, index) => ({ param: renamed.get(name) ?? name, index }))
    .filter(({ param, index }) => param !== '' || !renamed.has(names[index] as string));
}

function paramsFor(params: readonly string[], schema: object): CsvObject {
  try {
    return shapeOf(params, schema);
  } catch (error) {
    if (!(error instanceof CsvHeaderError)) throw error;
    throw new BatchwrightError('invalidRequest', {
      message: `The header does not name params: ${error.message}`,
    });
  }
}
