/** Completes, renews and returns claimed messages. */
import type { ClientBase } from 'pg';
import type { PgBoss } from 'pg-boss';
import { claimRefs, narrowClaim, releaseClaim } from './claims.ts';
import { hold } from './held.ts';
import { renewHeartbeats } from './keep-alive.ts';
import type { ChunkMessage, Claim } from './messages.ts';
import { over } from './over.ts';

/** The operations on a message that a lane holds. Most run in the caller's transaction. */
export function createClaiming(boss: PgBoss) {
  return {
    /**
     * False when another lane has the claim: the caller must roll back.
     *
     * @param onSent called when the statement was sent: statements that the caller sends then come after it
     */
    complete(client: ClientBase, claim: Claim<unknown>, onSent?: () => void): Promise<boolean> {
      return completeAll(boss, client, claim.queue, [claim], onSent);
    },

    /** The same for several messages of one queue: false when one of the claims is lost. */
    completeAll: (
      client: ClientBase,
      queue: string,
      claims: readonly Claim<unknown>[],
      onSent?: () => void,
    ) => completeAll(boss, client, queue, claims, onSent),

    /** Renews only the heartbeat, when the transaction that should have done so was rolled back. */
    renew: (claim: Claim<unknown>) => renewHeartbeats(boss, claim.queue, [claim]),

    /** Renews the heartbeat and locks the message's row; otherwise like `complete`. */
    async touch(client: ClientBase, claim: Claim<unknown>, onSent?: () => void): Promise<boolean> {
      const db = over(client, { onSent });
      return affected(await boss.touch(claim.queue, claimRefs([claim]), { db })) === 1;
    },

    /** Limits the message to these jobs; otherwise like `touch`. */
    narrow: (
      client: ClientBase,
      claim: Claim<ChunkMessage>,
      indexes: readonly number[],
      onSent?: () => void,
    ) => narrowClaim(client, claim, indexes, onSent),

    /** Returns a message to the queue as if it had not been claimed; none of its jobs was started. */
    release: (client: ClientBase, claim: Claim<ChunkMessage>) => releaseClaim(client, claim),

    /** Keeps a message that was returned, or was just sent, from being taken. */
    hold: (client: ClientBase, { queue, id }: Claim<ChunkMessage>) => hold(client, queue, [id]),
  };
}

async function completeAll(
  boss: PgBoss,
  client: ClientBase,
  queue: string,
  claims: readonly Claim<unknown>[],
  onSent?: () => void,
): Promise<boolean> {
  const db = over(client, { onSent });
  return affected(await boss.complete(queue, claimRefs(claims), undefined, { db })) === claims.length;
}

/** pg-boss returns the number of changed rows, although its declared type does not say so. */
function affected(response: object): number | undefined {
  return (response as { affected?: number }).affected;
}
