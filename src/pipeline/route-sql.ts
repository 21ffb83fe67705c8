/** The database as the routes of plugins read it. */
import type { ClientBase, Pool } from 'pg';
import { BatchwrightError } from '../domain/errors.ts';
import type { Sql } from '../plugin/context.ts';
import { isCancelled, isReadOnly } from '../postgres/errors.ts';
import { leavingNothing } from '../postgres/session.ts';
import { beginsOrEndsTransaction, mayChangeSession } from '../postgres/statement-kind.ts';
import { transaction } from '../postgres/transaction.ts';
import { requireStorable } from './storable.ts';

const STATEMENT_SECONDS = 5;

/**
 * Each statement in a read-only transaction of its own: what is to be changed is an action's. The pool is for these
 * alone, so that they wait for one another and nothing else does. A statement that takes more than 5 s throws
 * `unavailable` (503).
 */
export function createRouteSql(pool: Pool): Sql {
  return {
    async query(text, values) {
      requireStorable(text, values);
      if (beginsOrEndsTransaction(text))
        throw new Error('sql of a route neither begins nor ends a transaction');
      try {
        const read = (client: ClientBase) => {
          const send = () => client.query(text, values);
          return mayChangeSession(text) ? leavingNothing(client, send) : send();
        };
        const limits = { readOnly: true, statementSeconds: STATEMENT_SECONDS };
        const { rows, rowCount } = await transaction(pool, read, limits);
        return { rows, rowCount: rowCount ?? 0 };
      } catch (error) {
        throw explained(error);
      }
    },
  };
}

function explained(error: unknown): unknown {
  if (isReadOnly(error)) return new Error(`sql of a route only reads: ${(error as Error).message}`);
  if (!isCancelled(error)) return error;
  const message = `A statement of the route took more than ${STATEMENT_SECONDS} s`;
  return new BatchwrightError('unavailable', { message, retryAfter: STATEMENT_SECONDS, cause: error });
}
