import type { Pool, QueryConfig } from 'pg';

const ANSWER_MS = 2000;

/**
 * Makes what asks the database behind a pool whether it answers: false when it has not within 2 s. However many
 * ask at once, the database is asked once.
 */
export function createPing(pool: Pool): () => Promise<boolean> {
  let asking: Promise<boolean> | undefined;
  return () => {
    asking ??= ask(pool).finally(() => {
      asking = undefined;
    });
    return asking;
  };
}

function ask(pool: Pool): Promise<boolean> {
  return new Promise((resolve) => {
    // All connections may be in use, and one more may not be made in time.
    const late = setTimeout(resolve, ANSWER_MS, false);
    // A connection whose other end is gone without a word is closed by this limit of `pg`'s, and another one made.
    const statement: QueryConfig & { query_timeout: number } = {
      text: 'select 1',
      query_timeout: ANSWER_MS,
    };
    pool
      .query(statement)
      .then(
        () => resolve(true),
        () => resolve(false),
      )
      .finally(() => clearTimeout(late));
  });
}
