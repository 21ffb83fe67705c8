import type { ChunkMessage } from '../queue/messages.ts';
import type { Claim } from '../queue/queue.ts';
import { type SettleDeps, settleClaim } from './settle.ts';

/** Hands a message on to the quarantine, uncharged: the worker that had it before died. */
export async function setApart(
  deps: SettleDeps,
  queueName: string,
  claim: Claim<ChunkMessage>,
): Promise<void> {
  const next = [{ message: claim.message, delaySeconds: 0, quarantine: true }];
  await settleClaim(deps, { queueName, claim, outcomes: [], next });
}
