/** One job of a batch, ended or not. */
import type { Pool } from 'pg';
import { BatchwrightError } from '../../contract/errors.ts';
import type { Caller } from '../../domain/caller.ts';
import { counted } from '../../domain/counted.ts';
import { MemberReader } from '../../json/split.ts';
import { messageOfJob } from '../../queue/inspect.ts';
import type { BatchRow } from '../../store/batches.ts';
import { jobsAround } from '../../store/chunks.ts';
import { progressOf } from '../../store/job-progress.ts';
import { dependenciesOf, dependentsOf, isJobWaiting } from '../../store/plan-edges.ts';
import type { Turns } from './batch-figures.ts';
import { resultTexts } from './result-json.ts';
import { readResultPages, sentJob } from './result-pages.ts';
import { requireBatch } from './status.ts';

export interface JobViewDeps {
  pool: Pool;
  /** Those that actions name. */
  queues: readonly string[];
  /** Limits how many results are in memory. */
  resultTurns: Turns;
}

/**
 * JSON text: the job's result, or the same members of a job that has not ended, with its progress. Texts of the caller and
 * of the action are as they were sent.
 *
 * @throws BatchwrightError `batchNotFound`, and `notFound` for an index that the batch does not have
 */
export async function jobText(
  { pool, queues, resultTurns }: JobViewDeps,
  caller: Caller,
  asyncId: unknown,
  index: number,
): Promise<string> {
  const batch = await requireBatch(pool, caller, asyncId);
  if (index >= batch.total)
    throw new BatchwrightError('notFound', {
      message: `The batch has ${counted(batch.total, 'job')}, counted from 0`,
    });
  return resultTurns.take(batch.tenant, async () => {
    const text = (await resultText(pool, batch, index)) ?? (await openJobText(pool, queues, batch, index));
    return batch.isPlanned ? `${text.slice(0, -1)}${await planText(pool, batch, index)}}` : text;
  });
}

/** The members that say what the job waits for, as they were sent. */
const PLAN_MEMBERS = ['dependsOn', 'group', 'bind'];
/** Jobs named of those that a job waits for, and of those that wait for it. */
const MAX_NAMED = 100;

/** What the job waits for, and what waits for it: further members of the job's object. */
async function planText(pool: Pool, { id, finishedAt }: BatchRow, index: number): Promise<string> {
  const chunk = await jobsAround(pool, id, index);
  if (!chunk) return '';
  const sent = new MemberReader(chunk.jobs, PLAN_MEMBERS).at(index - chunk.firstIndex);
  const members = PLAN_MEMBERS.flatMap((name, at) => {
    // Under skipInvalid a job may be any value, which comes as its text.
    const text = typeof sent === 'string' ? undefined : sent[at];
    return text === undefined ? [] : [`,"${name}":${text}`];
  });
  const dependsOn = typeof sent === 'string' ? undefined : sent[0];
  const { indexes, groups } = await dependenciesOf(pool, id, chunk, index, () => groupsIn(dependsOn));
  const dependents = await dependentsOf(pool, id, chunk, index);
  // Nobody counts the jobs of groups that a cancelled batch ends.
  const current = groups.map((group) => (finishedAt ? { ...group, remaining: 0 } : group));
  const plan = { dependencies: { ...named(indexes), groups: current }, dependents: named(dependents) };
  return `${members.join('')},${JSON.stringify(plan).slice(1, -1)}`;
}

function named(indexes: readonly number[]): { count: number; indexes: readonly number[] } {
  return { count: indexes.length, indexes: indexes.slice(0, MAX_NAMED) };
}

/** The names of groups in a valid `dependsOn`. */
function groupsIn(dependsOn: string | undefined): string[] {
  const list: (string | number | { group?: string })[] = JSON.parse(dependsOn ?? '[]');
  return list.flatMap((item) => (typeof item === 'object' ? (item.group ?? []) : []));
}

/** Null for a job without a result. */
async function resultText(pool: Pool, { id }: BatchRow, index: number): Promise<string | null> {
  for await (const [result] of readResultPages(pool, id, { fromIndex: index, limit: 1 }))
    if (result?.index === index) return resultTexts([result])[0] ?? null;
  return null;
}

async function openJobText(
  pool: Pool,
  queues: readonly string[],
  { id: batchId, isPlanned, isScheduled }: BatchRow,
  index: number,
): Promise<string> {
  const chunk = await jobsAround(pool, batchId, index);
  const job = sentJob(chunk?.jobs ?? '[null]', chunk ? index - chunk.firstIndex : 0);
  const [progress, message, isWaiting] = await Promise.all([
    progressOf(pool, batchId, index),
    chunk && messageOfJob(pool, queues, { batchId, chunk: chunk.number, index }),
    isPlanned && chunk ? isJobWaiting(pool, batchId, chunk, index) : false,
  ]);
  const id = job.id === undefined ? '' : `"id":${job.id},`;
  const rest = {
    response: null,
    status: isWaiting || isScheduled ? 'waiting' : progress ? 'running' : 'pending',
    attempts: message ? message.attempt - 1 : 0,
    startedAt: null,
    finishedAt: null,
    progress: progress && progress.total !== null ? progress : null,
    nextAttemptAt: message?.dueAt ?? null,
  };
  return `{"index":${index},${id}"namespace":${job.namespace},"action":${job.action},"request":${job.request},${JSON.stringify(rest).slice(1)}`;
}
