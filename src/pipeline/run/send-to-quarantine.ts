import type { Log } from '../../plugin/context.ts';
import type { ChunkMessage } from '../../queue/messages.ts';
import type { Claim } from '../../queue/queue.ts';
import { endTransactions } from '../../store/transactions.ts';
import { type SettleDeps, settleClaim } from '../settle/settle.ts';
import { transactionName } from './execute-transactional.ts';

/**
 * Moves a message to the quarantine without counting an attempt: the worker that had it died or hangs. Also
 * ends what is left of its transactions: none of them can commit, and their locks would block later ones.
 */
export async function sendToQuarantine(
  deps: SettleDeps & { log: Log },
  queueName: string,
  claim: Claim<ChunkMessage>,
): Promise<void> {
  await endTransactions(deps.pool, transactionName(claim)).catch((error: unknown) =>
    deps.log.warn({ err: error }, 'transactions of a worker that is gone were not ended'),
  );
  const next = [{ message: claim.message, delaySeconds: 0, quarantine: true }];
  await settleClaim(deps, { queueName, claim, outcomes: [], isLast: true, next });
}
