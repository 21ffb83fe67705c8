/** `POST /v1/batches`: a batch as JSON, as one job per line, or as a CSV file. */
import type { Request } from 'express';
import { BatchwrightError } from '../../contract/errors.ts';
import { CSV_FORMS, LINES } from '../../contract/media-types.ts';
import { DELIMITERS } from '../../csv/delimiter.ts';
import { BATCH_OPTIONS, TEXT_OPTIONS } from '../../domain/batch-options.ts';
import { isOneOf } from '../../domain/text.ts';
import { noSuchAction } from '../../domain/unknown-action.ts';
import { type Checked, type SubmitDeps, submit, validate } from '../../pipeline/submit/submit.ts';
import { callerOf } from '../auth/callers.ts';
import { type BodyLimits, readEnvelope } from '../body/body.ts';
import { type CsvBatch, readCsv } from '../body/csv/csv.ts';
import { idempotencyKeyOf } from '../body/idempotency-key.ts';
import { readLines } from '../body/lines.ts';
import { isTrue, queryOf } from '../body/query.ts';

export interface NewBatchDeps extends SubmitDeps {
  bodyLimits: BodyLimits;
  maxNdjsonJobs: number;
}

/** The asyncId of the batch that is stored, or what the check found, with `?dryRun=true`. */
export type Taken = { asyncId: string } | { checked: Checked };

const MEMBERS = ['callbackUrl', ...BATCH_OPTIONS];
const DRY_RUN = 'dryRun';
/** Beginnings of names in the query of a CSV file. */
const RENAMED = 'map.';
const FIXED = 'set.';

type Body = ReturnType<typeof readEnvelope> | ReturnType<typeof readLines>;

export async function takeBatch(deps: NewBatchDeps, request: Request): Promise<Taken> {
  const { body, isDry, limits } = bodyOf(deps, request);
  const submission = { caller: callerOf(request), ...body };
  if (isDry) return { checked: await validate({ ...deps, limits }, submission) };
  const idempotencyKey = idempotencyKeyOf(request);
  return { asyncId: await submit({ ...deps, limits }, { ...submission, idempotencyKey }) };
}

function bodyOf(
  deps: NewBatchDeps,
  request: Request,
): { body: Body; isDry: boolean; limits: SubmitDeps['limits'] } {
  const many = { ...deps.limits, maxJobs: deps.maxNdjsonJobs };
  if (request.is(CSV_FORMS)) return { ...csvBody(deps, request), limits: many };
  if (request.is(LINES)) {
    const { dryRun, ...members } = queryOf(request, [...MEMBERS, DRY_RUN], 'invalidRequest');
    const body = readLines(request, deps.bodyLimits, asMembers(members));
    return { body, isDry: isTrue(DRY_RUN, dryRun), limits: many };
  }
  refuseMembers(request);
  const { dryRun } = queryOf(request, [DRY_RUN], 'invalidRequest');
  return {
    body: readEnvelope(request, deps.bodyLimits),
    isDry: isTrue(DRY_RUN, dryRun),
    limits: deps.limits,
  };
}

function csvBody({ registry, bodyLimits }: NewBatchDeps, request: Request): { body: Body; isDry: boolean } {
  const known = ['action', 'delimiter', ...MEMBERS, DRY_RUN];
  const given = queryOf(request, known, 'invalidRequest', [RENAMED, FIXED]);
  const { action, delimiter, dryRun, ...others } = given;
  const members = Object.entries(others).filter(([name]) => MEMBERS.includes(name));
  const batch: CsvBatch = {
    ...actionOf(registry, action),
    renamed: startingWith(RENAMED, others),
    fixed: startingWith(FIXED, others),
    delimiter: delimiterOf(delimiter),
  };
  const body = readCsv(request, bodyLimits, batch, asMembers(Object.fromEntries(members)));
  return { body, isDry: isTrue(DRY_RUN, dryRun) };
}

function actionOf(
  registry: SubmitDeps['registry'],
  name: string | undefined,
): Pick<CsvBatch, 'action' | 'schema'> {
  if (!name)
    throw new BatchwrightError('invalidRequest', {
      message: '?action= is missing: it names the action whose params the rows are',
    });
  const [, namespace = '', action = ''] = /^([^.]+)\.(.+)$/s.exec(name) ?? [];
  const registered = registry.get(namespace, action);
  if (registered) return { action: { namespace, action }, schema: registered.schema };
  const names = registry.actions.map((entry) => entry.name);
  throw new BatchwrightError('invalidRequest', {
    message: noSuchAction(name, names),
  });
}

/** The parts of the query whose names begin with the prefix, without it. */
function startingWith(prefix: string, query: object): Map<string, string> {
  const entries = Object.entries(query).filter(([name]) => name.startsWith(prefix));
  return new Map(entries.map(([name, value]) => [name.slice(prefix.length), value]));
}

function delimiterOf(text: string | undefined): CsvBatch['delimiter'] {
  const delimiter = text === 'tab' ? '\t' : text;
  if (delimiter === undefined || isOneOf(delimiter, DELIMITERS)) return delimiter;
  throw new BatchwrightError('invalidRequest', {
    message: 'delimiter must be a comma, a semicolon (%3B) or a tab (%09, or the word tab)',
  });
}

/** A JSON body contains these members itself. */
function refuseMembers(request: Request): void {
  for (const name of ['options', ...MEMBERS])
    if (name in request.query)
      throw new BatchwrightError('invalidRequest', {
        message: `?${name}= goes with a body of lines (application/x-ndjson) or CSV; a JSON body has it as a member`,
      });
  if ('action' in request.query)
    throw new BatchwrightError('invalidRequest', {
      message:
        '?action= goes with a CSV file (text/csv or multipart/form-data); a JSON body names the action of each job',
    });
}

/** callbackUrl and options, which lines and rows cannot contain. */
function asMembers({
  callbackUrl,
  ...options
}: {
  [name: string]: string | undefined;
}): Record<string, unknown> {
  const given = Object.entries(options).map(([name, value]) => [
    name,
    TEXT_OPTIONS.includes(name) ? value : optionOf(value),
  ]);
  return { ...(callbackUrl === undefined ? {} : { callbackUrl }), options: Object.fromEntries(given) };
}

/** An option's value as JSON; an empty one is true. */
function optionOf(value: string | undefined): unknown {
  if (value === undefined || value === '') return true;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
