import type { ClientBase } from 'pg';
import type { Db } from 'pg-boss';

/**
 * Runs pg-boss's statements on the caller's client, inside the caller's transaction.
 *
 * @param options.prepared the name of the prepared statement, for one whose text never changes and whose plan
 * does not depend on the size of pg-boss's tables
 * @param options.onSent called when a statement was sent
 */
export function over(
  client: ClientBase,
  options: { prepared?: string; onSent?: (() => void) | undefined },
): Db {
  const { prepared, onSent } = options;
  return {
    executeSql(text: string, values: unknown[] = []) {
      const answer = client.query(
        prepared === undefined ? { text, values } : { name: prepared, text, values },
      );
      onSent?.();
      return answer;
    },
  } as Db;
}
