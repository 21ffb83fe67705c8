import type { Pool, QueryConfig } from 'pg';

const ANSWER_MS = 2000;

/**
 * Makes a function that checks whether the database behind a pool answers: false when it has not within 2 s.
 * Concurrent calls share one check.
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
    // All connections may be in use, and a new one may take too long.
    const late = setTimeout(resolve, ANSWER_MS, false);
    // This limit of `pg` closes a connection whose other end is gone, so that a new one is made.
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
