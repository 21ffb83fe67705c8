/** The params of jobs that got values from the responses of others. */
import type { ClientBase, Pool } from 'pg';
import type { RecordableOutcome } from '../domain/outcome.ts';
import { encodeText } from './chunk-body.ts';

/** Params as they are stored. */
export interface BoundParams {
  index: number;
  body: Buffer;
  length: number;
}

/** Those of these outcomes. Encoded before a transaction begins, so that it does not wait for it. */
export function encodeBound(outcomes: readonly RecordableOutcome[]): Promise<BoundParams[]> {
  return Promise.all(
    outcomes.flatMap(({ index, request }) => {
      if (request === undefined) return [];
      const bytes = Buffer.from(request);
      return [encodeText([bytes]).then((body) => ({ index, body, length: bytes.length }))];
    }),
  );
}

/** Stores them; those of a job that has some already stay, like its result. */
export async function insertBound(
  client: ClientBase,
  batchId: string,
  params: readonly BoundParams[],
): Promise<void> {
  if (params.length === 0) return;
  let end = 0;
  const starts = params.map(({ body }) => {
    end += body.length;
    return end - body.length + 1;
  });
  await client.query({
    name: 'insert-bound-params',
    text: `insert into batchwright.bound_params (batch_id, index, params, length)
     select $1, index, substring($3::bytea from start for size), length
     from unnest($2::int[], $4::int[], $5::int[], $6::int[]) as bound (index, start, size, length)
     on conflict do nothing`,
    values: [
      batchId,
      params.map(({ index }) => index),
      Buffer.concat(params.map(({ body }) => body)),
      starts,
      params.map(({ body }) => body.length),
      params.map(({ length }) => length),
    ],
  });
}

/** Their bytes in the whole batch, before they were compressed. A hundred thousand jobs take some 15 ms. */
export async function boundBytes(pool: Pool, batchId: string): Promise<number> {
  const { rows } = await pool.query<{ bytes: number }>({
    name: 'bound-bytes',
    text: 'select coalesce(sum(length), 0)::int8 as bytes from batchwright.bound_params where batch_id = $1',
    values: [batchId],
  });
  return rows[0]?.bytes ?? 0;
}

/** Deletes those of jobs without a result, which run again. */
export async function deleteUnmatched(client: ClientBase, batchId: string): Promise<void> {
  await client.query(
    `delete from batchwright.bound_params
     where batch_id = $1 and not exists (
       select from batchwright.result where result.batch_id = $1 and result.index = bound_params.index)`,
    [batchId],
  );
}
