/** Only a caller who may run a batch's actions may restart, repost and cancel it. */
import type { Pool } from 'pg';
import { BatchwrightError } from '../contract/errors.ts';
import { type Caller, mayRun } from '../domain/caller.ts';
import { MemberReader } from '../json/split.ts';
import type { Registry } from '../registry/registry.ts';
import { findActions, storeActions } from '../store/batches.ts';
import { jobsFrom, type StoredJobs } from '../store/chunks.ts';

/** Missing permissions named in the error. */
const MAX_NAMED = 100;

/**
 * Throws `forbidden` (403) unless the caller currently has the permission of every action in the batch, and
 * `batchNotFound` when the caller has no such batch.
 */
export async function requireActions(
  { pool, registry }: { pool: Pool; registry: Registry },
  caller: Caller,
  batchId: string,
): Promise<void> {
  const stored = await findActions(pool, caller.tenant, batchId);
  if (stored === undefined) throw new BatchwrightError('batchNotFound');
  const actions = stored ?? (await collectActions(pool, registry, batchId));
  const needed = new Set(actions.map((name) => actionOf(registry, name)?.permission ?? name));
  const lacking = [...needed].filter((permission) => !mayRun(caller, permission));
  if (lacking.length > 0) throw lacksPermissions(lacking);
}

/** The error for a key that lacks these permissions. */
export function lacksPermissions(permissions: readonly string[]): BatchwrightError {
  const details = permissions.slice(0, MAX_NAMED).map((permission) => `the key lacks ${permission}`);
  return new BatchwrightError('forbidden', { details });
}

/**
 * Collects the actions of a batch stored by an earlier release from its jobs, and stores them so that this
 * happens once.
 */
async function collectActions(pool: Pool, registry: Registry, batchId: string): Promise<string[]> {
  const names = new Set<string>();
  for (
    let chunk = await jobsFrom(pool, batchId, 0);
    chunk;
    chunk = await jobsFrom(pool, batchId, chunk.number + 1)
  )
    for (const name of namesIn(chunk, registry)) names.add(name);
  await storeActions(pool, batchId, [...names]);
  return [...names];
}

function* namesIn({ firstIndex, count, refused, jobs }: StoredJobs, registry: Registry): Generator<string> {
  const reader = new MemberReader(jobs, ['namespace', 'action']);
  const wasRefused = new Set(refused);
  for (let position = 0; position < count; position++) {
    const job = reader.at(position);
    // A refused job may name anything, or not be a job at all.
    const [namespace, action] = typeof job === 'string' ? [] : job;
    if (!namespace?.startsWith('"') || !action?.startsWith('"')) continue;
    const name = `${JSON.parse(namespace)}.${JSON.parse(action)}`;
    if (!wasRefused.has(firstIndex + position) || actionOf(registry, name)) yield name;
  }
}

function actionOf(registry: Registry, name: string) {
  const dot = name.indexOf('.');
  return registry.get(name.slice(0, dot), name.slice(dot + 1));
}
