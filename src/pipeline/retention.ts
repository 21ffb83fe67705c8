/** Keeps the days: makes the partitions of those to come, drops those of which nothing is to be kept. */
import type { Pool } from 'pg';
import type { Log } from '../plugin/context.ts';
import { isLockTimeout } from '../postgres/errors.ts';
import { transaction } from '../postgres/transaction.ts';
import { deleteExpired } from '../store/batches.ts';
import { deleteExpiredDay, dropDay, makePartitions, pastDays } from '../store/partitions.ts';

export interface RetentionDeps {
  pool: Pool;
  log: Log;
}

const HOUR_MS = 3_600_000;
/** Batches deleted in one transaction, where their day is kept for the sake of others. */
const DELETE_SIZE = 10;

/** One round: hourly, and once at every start. */
export async function retain({ pool, log }: RetentionDeps): Promise<void> {
  const made = await makePartitions(pool);
  if (made > 0) log.info({ made }, 'partitions made');
  for (const day of await pastDays(pool)) await retireDay({ pool, log }, day);
  while ((await transaction(pool, (client) => deleteExpired(client, DELETE_SIZE))) > 0);
}

async function retireDay({ pool, log }: RetentionDeps, day: string): Promise<void> {
  try {
    const dropped = await transaction(pool, async (client) => {
      if (!(await deleteExpiredDay(client, day))) return false;
      await dropDay(client, day);
      return true;
    });
    if (dropped) log.info({ day }, 'partitions dropped');
  } catch (error) {
    if (!isLockTimeout(error)) throw error;
    log.info({ day }, 'partitions are being read: dropped another time');
  }
}

/** Goes on hourly until stopped. */
export function startRetention(deps: RetentionDeps): { stop(): void } {
  const timer = setInterval(() => {
    retain(deps).catch((error: unknown) => deps.log.warn({ err: error }, 'retention failed'));
  }, HOUR_MS);
  return { stop: () => clearInterval(timer) };
}
