/** Read access to the database for plugins' routes. */
import type { ClientBase, Pool } from 'pg';
import { BatchwrightError } from '../../../contract/errors.ts';
import { FairShare } from '../../../domain/fair-share.ts';
import type { Sql } from '../../../plugin/context.ts';
import { isCancelled, isReadOnly } from '../../../postgres/errors.ts';
import { leavingNothing } from '../../../postgres/session.ts';
import { beginsOrEndsTransaction, mayChangeSession } from '../../../postgres/statement-kind.ts';
import { transaction } from '../../../postgres/transaction.ts';
import { requireStorable } from './storable.ts';

const STATEMENT_SECONDS = 5;
const WAIT_SECONDS = 10;

/**
 * Creates the `sql` of a namespace's routes. Each statement is a read-only transaction of its own: changes
 * are made by actions. The pool is only for routes, so that they delay nothing else; namespaces share it
 * fairly. A statement throws `unavailable` (503) when it takes more than 5 s, or waits for 10 s.
 */
export function createRouteSql(pool: Pool): (namespace: string) => Sql {
  const share = new FairShare(pool.options.max);
  return (namespace) => ({
    async query(text, values) {
      requireStorable(text, values);
      if (beginsOrEndsTransaction(text))
        throw new Error('sql of a route must not begin or end a transaction');
      const read = (client: ClientBase) => {
        const send = () => client.query(text, values);
        return mayChangeSession(text) ? leavingNothing(client, send) : send();
      };
      const limits = { readOnly: true, statementSeconds: STATEMENT_SECONDS, byIndex: false };
      const late = AbortSignal.timeout(WAIT_SECONDS * 1000);
      try {
        const { rows, rowCount } = await share.run(namespace, () => transaction(pool, read, limits), late);
        return { rows, rowCount: rowCount ?? 0 };
      } catch (error) {
        throw error === late.reason ? waitedInVain(error) : explained(error);
      }
    },
  });
}

function waitedInVain(cause: unknown): BatchwrightError {
  const message = `A statement of the route waited ${WAIT_SECONDS} s for those before it`;
  return new BatchwrightError('unavailable', { message, retryAfter: STATEMENT_SECONDS, cause });
}

function explained(error: unknown): unknown {
  if (isReadOnly(error)) return new Error(`sql of a route only reads: ${(error as Error).message}`);
  if (!isCancelled(error)) return error;
  const message = `A statement of the route took more than ${STATEMENT_SECONDS} s`;
  return new BatchwrightError('unavailable', { message, retryAfter: STATEMENT_SECONDS, cause: error });
}
