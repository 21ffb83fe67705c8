/** A release may move an action to another queue, or remove a queue, while jobs wait in the old one. */
import type { PoolClient } from 'pg';
import { ACTION_DEFAULTS } from '../../plugin/action.ts';
import { deleteWaiting } from '../../queue/abandoned.ts';
import { queuedChunks } from '../../queue/inspect.ts';
import type { Registry } from '../../registry/registry.ts';
import { setChunkQueues } from '../../store/chunk-queues.ts';
import { incompleteChunks, loadChunk } from '../../store/chunks.ts';

/**
 * Makes every chunk of the batch that lacks results name queues that this release works on. Messages in other
 * queues are deleted, unless a worker of the previous release runs them. Returns the existing messages as
 * `chunk queue`; the caller sends the missing ones.
 */
export async function moveQueues(
  { registry, queues }: { registry: Registry; queues: readonly string[] },
  client: PoolClient,
  batchId: string,
): Promise<Set<string>> {
  const chunks = await incompleteChunks(client, [batchId]);
  const named = new Set(chunks.flatMap((chunk) => chunk.queues));
  const unworked = [...named].filter((queue) => !queues.includes(queue));
  if (unworked.length > 0) await deleteWaiting(client, unworked, batchId);
  const live = await queuedChunks(client, [...queues, ...unworked], [batchId]);
  const alive = new Set(live.map(({ chunk, queue }) => `${chunk} ${queue}`));
  for (const { number, queues: old } of chunks) {
    const isAlive = (queue: string) => alive.has(`${number} ${queue}`);
    const kept = old.filter((queue) => queues.includes(queue) || isAlive(queue));
    if (kept.length === old.length && old.some(isAlive)) continue;
    const now = [...new Set([...kept, ...(await openJobs(client, batchId, number)).map(queueOf(registry))])];
    if (now.join() !== old.join()) await setChunkQueues(client, batchId, number, now);
  }
  return alive;
}

type Job = { namespace: string; action: string };

/** The chunk's jobs that have no result. */
async function openJobs(client: PoolClient, batchId: string, number: number): Promise<Job[]> {
  const chunk = await loadChunk(client, batchId, number);
  if (!chunk) return [];
  const recorded = new Set(chunk.recorded);
  const jobs: Job[] = JSON.parse(chunk.jobs);
  return jobs.filter((_, position) => !recorded.has(chunk.firstIndex + position));
}

/** The queue of a job's action. A job whose action is gone fails in any lane. */
function queueOf(registry: Registry): (job: Job) => string {
  return ({ namespace, action }) => registry.get(namespace, action)?.queue ?? ACTION_DEFAULTS.queue;
}
