/**
 * Releases the jobs of a batch that waited for others: one transaction hands on some of the noted ends. Jobs become
 * ready and get messages, or can no longer run and are skipped. The plan's row is the lock, so that one process at a
 * time does this for a batch; the batch's row is locked only at the end.
 */
import type { Pool, PoolClient } from 'pg';
import { hasEnded } from '../../domain/batch.ts';
import { cancellation, type RecordableOutcome, skip } from '../../domain/outcome.ts';
import { Cascade } from '../../domain/plan/cascade.ts';
import { groupOf } from '../../domain/plan/edge.ts';
import type { Bounds } from '../../domain/plan/plan.ts';
import { pipelined, transaction } from '../../postgres/transaction.ts';
import { messagesByQueue } from '../../queue/messages.ts';
import type { Queue } from '../../queue/queue.ts';
import type { Registry } from '../../registry/registry.ts';
import { type BatchWithActions, findWithActions } from '../../store/batches.ts';
import {
  deleteNotes,
  insertEmptyNote,
  insertNotes,
  type Note,
  tryTakeNotes,
} from '../../store/plan-notes.ts';
import {
  changeGroups,
  endedGroups,
  firstWaitingChunk,
  type KeptGraphs,
  loadParts,
  newKeptGraphs,
  savePending,
  subtractWaiting,
} from '../../store/plans.ts';
import { settle } from '../../store/settle.ts';
import type { SettleAnswer } from '../../store/settle-columns.ts';
import { sendCompletionCallbacks } from '../settle/batch-end.ts';
import { readyMessages } from './ready-messages.ts';

export interface ReleaseDeps {
  pool: Pool;
  queue: Queue;
  registry: Registry;
  /** Kept from one release to the next. */
  graphs?: KeptGraphs;
}

/** What one transaction did. */
export interface Released {
  /** `busy`: another process does it. `more`: there is more to do. */
  state: 'busy' | 'more' | 'done';
  /** Results that were recorded, and the names of the jobs' actions. */
  results: readonly RecordableOutcome[];
  actionOf(index: number): string | undefined;
  /** Set when this ended the batch. */
  ended: SettleAnswer | null;
}

/** Notes taken in one transaction: each has the ends of one settle, at most some thousand. */
const NOTES_AT_ONCE = 8;
/** Dependents told in one transaction: it takes some tens of ms. */
const EDGES_AT_ONCE = 2000;
/** Waiting jobs cancelled in one transaction. */
const CANCELS_AT_ONCE = 1000;

export function releaseSome(deps: ReleaseDeps, batchId: string): Promise<Released> {
  return transaction(deps.pool, (client) => releaseIn(deps, client, batchId));
}

/** What does not depend on the transaction's own work. */
interface Context extends Pick<ReleaseDeps, 'queue' | 'registry'> {
  client: PoolClient;
  batchId: string;
  batch: BatchWithActions;
  bounds: Bounds;
  graphs: KeptGraphs;
}

async function releaseIn(deps: ReleaseDeps, client: PoolClient, batchId: string): Promise<Released> {
  const [taken, batch] = await Promise.all([
    tryTakeNotes(client, batchId, NOTES_AT_ONCE),
    // Sent after it, and so read after the lock was given: a restart may have had it.
    findWithActions(client, batchId),
  ]);
  if (!taken) return nothing('busy');
  const { bounds, notes } = taken;
  const context = { ...deps, client, batchId, bounds, graphs: deps.graphs ?? newKeptGraphs() };
  if (!batch || hasEnded(batch.state)) {
    await deleteNotes(client, batchId);
    return nothing('done');
  }
  return batch.cancelRequested ? cancelSome({ ...context, batch }) : handOnSome({ ...context, batch }, notes);
}

function nothing(state: Released['state']): Released {
  return { state, results: [], actionOf: () => undefined, ended: null };
}

/** Nothing of a cancelled batch starts any more: its waiting jobs get their results. */
async function cancelSome(context: Context): Promise<Released> {
  const { client, batchId, bounds } = context;
  const chunk = await firstWaitingChunk(client, batchId, bounds);
  if (!chunk) {
    await deleteNotes(client, batchId);
    return nothing('done');
  }
  const { number, pending } = chunk;
  const indexes: number[] = [];
  for (const [position, unmet] of pending.entries()) {
    if (unmet === 0) continue;
    pending[position] = 0;
    indexes.push((bounds[number] ?? 0) + position);
    if (indexes.length === CANCELS_AT_ONCE) break;
  }
  await savePending(client, batchId, [chunk]);
  // If this process dies, another one goes on as long as there is a note.
  await insertEmptyNote(client, batchId);
  const results = indexes.map((index) => cancellation(index, 0, context.batch.stoppedBy));
  const [part] = await loadParts(client, batchId, [number], context);
  const cascade = new Cascade(bounds.subarray(0, -1));
  if (part) cascade.addPart(number, part);
  await subtractWaiting(client, batchId, indexes.length);
  const ended = await record(context, results);
  return { state: 'more', results, actionOf: (index) => actionOf(context, cascade, index), ended };
}

async function handOnSome(context: Context, notes: readonly Note[]): Promise<Released> {
  const { client, batchId, bounds, queue } = context;
  if (notes.length === 0) return nothing('done');
  const cascade = new Cascade(bounds.subarray(0, -1));
  for (const { told, ends } of notes) {
    const [first] = ends;
    // A group's end has a note of its own, or is one among others that were not begun.
    const groups = ends.filter(({ node }) => node < 0).map(({ node }) => groupOf(node));
    for (const group of groups.length > 0 ? await endedGroups(client, batchId, groups) : [])
      cascade.addGroup(group, first && groupOf(first.node) === group.group ? told : 0);
    const jobs = ends.filter(({ node }) => node >= 0);
    cascade.add(jobs, first === jobs[0] ? told : 0);
  }
  await handOn(context, cascade);
  const changed = [...cascade.changed].flatMap((number) => {
    const pending = cascade.part(number)?.pending;
    return pending ? [{ number, pending }] : [];
  });
  const left = leftNotes(cascade);
  const results = cascade.skipped.map(({ index, cause }) => skip(index, cause));
  const released = cascade.ready.length + results.length;
  const messages = messagesByQueue(readyMessages(context, cascade));
  await pipelined(client, [
    ...(changed.length > 0 ? [() => savePending(client, batchId, changed)] : []),
    () => insertNotes(client, batchId, left),
    ...[...messages].map(
      ([queueName, list]) =>
        () =>
          queue.sendChunks(client, queueName, list),
    ),
    ...(released > 0 ? [() => subtractWaiting(client, batchId, released)] : []),
  ]);
  const ended = await record(context, results);
  const isMore = left.length > 0 || notes.length === NOTES_AT_ONCE;
  return {
    state: isMore ? 'more' : 'done',
    results,
    actionOf: (index) => actionOf(context, cascade, index),
    ended,
  };
}

async function handOn(context: Context, cascade: Cascade): Promise<void> {
  const { client, batchId } = context;
  for (;;) {
    const missing = [...cascade.run(EDGES_AT_ONCE)];
    if (missing.length > 0) {
      const parts = await loadParts(client, batchId, missing, context);
      for (const [position, part] of parts.entries()) cascade.addPart(missing[position] as number, part);
      continue;
    }
    const changes = cascade.takeGroupChanges();
    if (changes.length === 0) return;
    for (const group of await changeGroups(client, batchId, changes)) cascade.addGroup(group);
  }
}

/** The one that was begun has a note of its own. */
function leftNotes(
  cascade: Cascade,
): { told: number; ends: { node: number; end: number; cause: number }[] }[] {
  const [first, ...others] = cascade.left;
  if (!first) return [];
  if (first.told === 0) return [{ told: 0, ends: [first, ...others] }];
  return [{ told: first.told, ends: [first] }, ...(others.length > 0 ? [{ told: 0, ends: others }] : [])];
}

/** Records results of jobs that never ran. */
async function record(
  { client, batchId, batch: { generation }, queue }: Context,
  results: readonly RecordableOutcome[],
): Promise<SettleAnswer | null> {
  if (results.length === 0) return null;
  const settled = await settle(client, batchId, generation, results);
  if (!settled?.finished) return null;
  await sendCompletionCallbacks(queue, client, [{ batchId, generation, ...settled }]);
  return settled;
}

function actionOf({ batch: { actions } }: Context, cascade: Cascade, index: number): string | undefined {
  return actions[cascade.actionOf(index) ?? -1];
}
