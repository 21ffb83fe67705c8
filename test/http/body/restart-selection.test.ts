/** The body of a restart: wrong selections are refused in both forms of the API, and large ones are read fast. */
import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { after, describe, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import { type Answer, startSystem } from '../../support/system.ts';
import { storedRows } from '../stored-rows.ts';

// Without a worker nothing changes by itself.
const system = await startSystem({ after }, { worker: false });

/** A batch that has ended: job 0 has succeeded, all others have failed with 503. */
async function endedBatch(total: number): Promise<string> {
  const asyncId = await system.run([{ namespace: 'test', action: 'echo', params: {} }]);
  await system.pool.query('delete from pgboss.job where group_id = $1', [toBatchId(asyncId)]);
  await system.pool.query(
    `with batch as (
       update batchwright.batch set state = 'completed', total = $2, succeeded = 1, failed = $2 - 1,
         started_at = now(), finished_at = now()
       where id = $1
     ), chunk as (
       update batchwright.chunk set count = $2 where batch_id = $1
     )
     insert into batchwright.result (batch_id, index, status, response, attempts, started_at, finished_at)
     select $1::uuid, index, case when index = 0 then 'succeeded' else 'failed' end::batchwright.result_status,
       '{"errorCode":503,"message":"no"}', 1, now(), now()
     from generate_series(0, $2::int - 1) as index`,
    [toBatchId(asyncId), total],
  );
  return asyncId;
}

function post(asyncId: string, body: string): Promise<Answer> {
  return system.request(`/v1/batches/${asyncId}/restart`, { method: 'POST', body });
}

const STATUSES = 'failed, cancelled, skipped';
const WHOLE = 'must be a whole number from 0 to 2147483647';
const NOT_COMBINED = 'indexes cannot be combined with';

describe('a wrong selection is refused, and nothing restarts', () => {
  for (const [body, told] of [
    ['{"indexes":3}', 'indexes must be an array of whole numbers'],
    ['{"indexes":"1,2"}', 'indexes must be an array of whole numbers'],
    ['{"indexes":{"0":1}}', 'indexes must be an array of whole numbers'],
    ['{"indexes":null}', 'indexes must not be null'],
    ['{"status":null}', 'status must not be null'],
    ['{"errorCode":null}', 'errorCode must not be null'],
    ['{"indexes":[1,-1]}', `indexes[1] ${WHOLE}`],
    ['{"indexes":[1,1.5]}', `indexes[1] ${WHOLE}`],
    ['{"indexes":[1.0000000000000000001]}', `indexes[0] ${WHOLE}`],
    ['{"indexes":["1"]}', `indexes[0] ${WHOLE}`],
    ['{"indexes":[1,null]}', `indexes[1] ${WHOLE}`],
    ['{"indexes":[[1]]}', `indexes[0] ${WHOLE}`],
    ['{"indexes":[2147483648]}', `indexes[0] ${WHOLE}`],
    ['{"indexes":[1,2,3]}', 'indexes[2] is 3: the batch has 3 jobs, counted from 0'],
    ['{"indexes":[2147483647]}', 'indexes[0] is 2147483647: the batch has 3 jobs, counted from 0'],
    ['{"indexes":[1],"status":["failed"]}', `${NOT_COMBINED} status`],
    ['{"errorCode":503,"indexes":[]}', `${NOT_COMBINED} errorCode`],
    ['{"status":["failed","faild"]}', 'status[1]: faild is not known: did you mean failed?'],
    ['{"status":["succeeded"]}', `status[0]: succeeded is not known: known names are ${STATUSES}`],
    ['{"status":"canceled"}', 'status: canceled is not known: did you mean cancelled?'],
    ['{"status":[503]}', `status[0] must be one of ${STATUSES}`],
    ['{"status":{}}', `status must be an array of ${STATUSES}`],
    ['{"errorCode":200}', 'errorCode must be a whole number from 400 to 599'],
    ['{"errorCode":[503]}', 'errorCode must be a whole number from 400 to 599'],
    ['{"errorCode":503.5}', 'errorCode must be a whole number from 400 to 599'],
    ['{"indices":[1]}', 'indices is not known: did you mean indexes?'],
    ['{"errorcode":503}', 'errorcode is not known: did you mean errorCode?'],
    ['{"indexes":[01]}', /^The body is not valid JSON/],
    ['{"indexes":[1}', /^The body is not as expected/],
    ['{"indexes":[1],"indexes":[2]}', /^The body is not as expected: duplicate member "indexes"/],
    ['{"indexes":[1]', /^The body is not as expected: unexpected end of body/],
    ['[1]', /not a JSON object/],
  ] as [string, string | RegExp][])
    test(`a restart with ${body} is 400`, async () => {
      const asyncId = await endedBatch(3);
      const before = await storedRows(system.pool);
      const inRpc = await system.rpc(`restart&async=${asyncId}`, body);
      const inRest = await post(asyncId, body);
      assert.deepEqual([inRpc.status, inRest.status], [400, 400], JSON.stringify(inRpc.body));
      for (const message of [inRpc.body.message, inRest.body.detail])
        if (typeof told === 'string') assert.equal(message, told);
        else assert.match(message, told);
      assert.deepEqual(await storedRows(system.pool), before);
    });

  test('an element that is too large is 413 and named', async () => {
    const { status, body } = await post(await endedBatch(3), `{"indexes":[1,"${'x'.repeat(70_000)}"]}`);
    assert.deepEqual([status, body.detail], [413, 'indexes[1] is larger than 65536 bytes']);
  });
});

for (const [body, pending] of [
  ['', 2],
  [' \n', 2],
  ['{}', 2],
  ['\ufeff{"indexes" : [ 1 , 2 ] }', 2],
  ['{"indexes":[1e0,2.0,-0]}', 2],
] as const)
  test(`a restart with ${JSON.stringify(body)} is accepted`, async () => {
    for (const send of [
      (asyncId: string) => post(asyncId, body),
      (asyncId: string) => system.rpc(`restart&async=${asyncId}`, body),
    ]) {
      const asyncId = await endedBatch(3);
      assert.ok((await send(asyncId)).status < 300);
      assert.equal((await system.rpc('progress', { async: asyncId })).body.counts.pending, pending);
    }
  });

test('a selection in the query of the batch API counts', async () => {
  const asyncId = await endedBatch(3);
  const query = `restart&async=${asyncId}&status=failed&errorCode=404`;
  assert.deepEqual((await system.rpc(query)).body, { restarted: false });
  assert.deepEqual((await system.rpc(query.replace('404', '503'))).body, { restarted: true });
});

test('another tenant cannot restart a selection', async () => {
  const asyncId = await endedBatch(3);
  const made = await system.request('/v1/keys', {
    method: 'POST',
    body: JSON.stringify({ name: 'other', tenant: 'other', permissions: ['*'] }),
  });
  const headers = { authorization: `Bearer ${made.body.key}` };
  for (const selection of [{ indexes: [1] }, { indexes: [99] }])
    assert.equal((await system.rpc('restart', { async: asyncId, ...selection }, headers)).status, 404);
});

test('a million indexes are read while others are answered, and select their jobs', async (t) => {
  const total = 100_000;
  const asyncId = await endedBatch(total);
  // All but every tenth, ten times, one per line.
  const indexes = Array.from({ length: total * 10 }, (_, n) => n % total).filter((index) => index % 10 !== 5);
  const body = `{"indexes":[\n  ${indexes.join(',\n  ')}\n]}`;
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const startedAt = performance.now();
  const restarted = post(asyncId, body);
  let others = 0;
  const isRestarted = restarted.then(() => true);
  while (!(await Promise.race([isRestarted, system.request('/healthz').then(() => false)]))) others++;
  const { status, body: batch } = await restarted;
  delay.disable();
  assert.equal(status, 202, JSON.stringify(batch));
  assert.deepEqual([batch.counts.failed, batch.counts.pending], [total * 0.1, total * 0.9 - 1]);
  assert.ok(others > 0);
  const seconds = (performance.now() - startedAt) / 1000;
  t.diagnostic(
    `${(body.length / 2 ** 20).toFixed(1)} MiB in ${seconds.toFixed(2)} s, ${others} others answered meanwhile, event loop delay longest ${Math.round(delay.max / 1e6)} ms`,
  );
});
