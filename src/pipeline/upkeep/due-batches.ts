/** Starts batches whose time has come, and stops those whose deadline has passed or of which too many jobs have failed. */
import type { Pool, PoolClient } from 'pg';
import { hasEnded } from '../../domain/batch.ts';
import type { Log } from '../../domain/log.ts';
import { type Rounds, startRounds } from '../../domain/rounds.ts';
import { transaction } from '../../postgres/transaction.ts';
import { makeDueNow } from '../../queue/inspect.ts';
import { startMessages } from '../../queue/stopped.ts';
import { dueBatches, lockDueBatch, saveLook, stopBatch } from '../../store/due-batches.ts';
import { insertEmptyNote } from '../../store/plan-notes.ts';
import type { Releaser } from '../plan/releaser.ts';
import { eachBatch } from './each-batch.ts';

export interface DueBatchesDeps {
  pool: Pool;
  queues: readonly string[];
  releaser: Releaser;
  log: Pick<Log, 'warn'>;
}

const EVERY_MS = 500;
const AT_ONCE = 100;
/** A settle may lock a message that is made due here, and be locked out: one of the two is repeated. */
const ATTEMPTS = 3;

/** Looks twice a second, in every worker: whichever comes first does it. */
export function startDueBatches(deps: DueBatchesDeps): Rounds {
  return startRounds(EVERY_MS, () =>
    // The next look does it.
    lookForDue(deps).catch((error: unknown) =>
      deps.log.warn({ err: error }, 'batches that are due were not looked at'),
    ),
  );
}

async function lookForDue(deps: DueBatchesDeps): Promise<void> {
  const due = await dueBatches(deps.pool, AT_ONCE);
  await eachBatch(deps.log, due, 'a batch that is due was not looked at', async (batchId) => {
    const isReleased = await transaction(deps.pool, (client) => look(deps, client, batchId), {
      attempts: ATTEMPTS,
    });
    if (isReleased) deps.releaser.wake(batchId);
  });
}

/** True when jobs that wait for others are to be cancelled. */
async function look({ queues }: DueBatchesDeps, client: PoolClient, batchId: string): Promise<boolean> {
  const batch = await lockDueBatch(client, batchId);
  if (!batch) return false;
  const isEnded = hasEnded(batch.state);
  const isStopping = !isEnded && (batch.cancelRequested || batch.isDeadline);
  if (isStopping && !batch.cancelRequested) await stopBatch(client, batchId, 'deadline');
  const isScheduled = batch.isScheduled && !batch.isStart && !isStopping && !isEnded;
  await saveLook(client, batchId, { isScheduled, isOver: isEnded || isStopping });
  if (isStopping) await makeDueNow(client, queues, batchId);
  else if (batch.isStart && !batch.isPaused) await startMessages(client, queues, batchId);
  if (isStopping && batch.isPlanned) await insertEmptyNote(client, batchId);
  return isStopping && batch.isPlanned;
}
