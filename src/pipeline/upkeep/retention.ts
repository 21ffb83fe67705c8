/** Maintains the partitions: makes those of the coming days, drops those that hold nothing to keep. */
import type { Pool } from 'pg';
import type { Log } from '../../plugin/context.ts';
import { isLockTimeout } from '../../postgres/errors.ts';
import { transaction } from '../../postgres/transaction.ts';
import { deleteOldAudit } from '../../store/audit.ts';
import { deleteExpired } from '../../store/batches.ts';
import { tryRetentionLock } from '../../store/duty-locks.ts';
import { deleteExpiredDay, dropDay, makePartitions, pastDays } from '../../store/partitions.ts';

export interface RetentionDeps {
  pool: Pool;
  log: Log;
  /** Entries of the audit are kept for this long; when absent, this process deletes none. */
  auditDays?: number | undefined;
}

const HOUR_MS = 3_600_000;
/** Batches deleted in one transaction when their day's partition must stay for others. */
const DELETE_SIZE = 10;
/** Entries of the audit deleted in one transaction. */
const AUDIT_DELETE_SIZE = 10_000;

/**
 * One round. While another process runs one, this makes partitions and does nothing else.
 *
 * @param isStopping true once no further transaction should begin
 */
export async function retain(
  { pool, log, auditDays }: RetentionDeps,
  isStopping = () => false,
): Promise<void> {
  const made = await makePartitions(pool);
  if (made > 0) log.info({ made }, 'partitions made');
  for (const day of await pastDays(pool)) {
    if (isStopping()) return;
    await retireDay({ pool, log }, day);
  }
  while (!isStopping() && (await deleteSome(pool)) > 0);
  if (auditDays !== undefined)
    while (!isStopping() && (await deleteSomeAudit(pool, auditDays)) === AUDIT_DELETE_SIZE);
}

function deleteSomeAudit(pool: Pool, days: number): Promise<number> {
  return transaction(pool, async (client) =>
    (await tryRetentionLock(client)) ? deleteOldAudit(client, days, AUDIT_DELETE_SIZE) : 0,
  );
}

async function retireDay({ pool, log }: RetentionDeps, day: string): Promise<void> {
  try {
    const dropped = await transaction(pool, async (client) => {
      if (!(await tryRetentionLock(client)) || !(await deleteExpiredDay(client, day))) return false;
      await dropDay(client, day);
      return true;
    });
    if (dropped) log.info({ day }, 'partitions dropped');
  } catch (error) {
    if (!isLockTimeout(error)) throw error;
    log.info({ day }, 'partitions are being read and will be dropped later');
  }
}

function deleteSome(pool: Pool): Promise<number> {
  return transaction(pool, async (client) =>
    (await tryRetentionLock(client)) ? deleteExpired(client, DELETE_SIZE) : 0,
  );
}

/** Starts one round at once, without waiting for it, and one each hour until stopped. */
export function startRetention(deps: RetentionDeps): { stop(): Promise<void> } {
  let isStopping = false;
  let running: Promise<void> = Promise.resolve();
  const goRound = () => {
    running = running
      .then(() => (isStopping ? undefined : retain(deps, () => isStopping)))
      .catch((error: unknown) => deps.log.warn({ err: error }, 'retention failed'));
  };
  goRound();
  const timer = setInterval(goRound, HOUR_MS);
  return {
    stop() {
      isStopping = true;
      clearInterval(timer);
      return running;
    },
  };
}
