/** `options.skipInvalid`: invalid jobs become failed results and the rest runs. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startSystem } from '../../support/system.ts';

/** Without a worker at first: a batch that has nothing to run must end without one. */
const system = await startSystem({ after }, { worker: false });

const good = { namespace: 'rpc', action: 'strict', params: { id: 1, name: 'one' } };
const options = { skipInvalid: true };

/** Jobs with each error that concerns one job, and the response of each result. */
const INVALID: [job: unknown, message: string, detail: string][] = [
  [null, 'The job is not valid', 'must be an object'],
  [[good], 'The job is not valid', 'must be an object'],
  ['job', 'The job is not valid', 'must be an object'],
  [{ ...good, namespace: 7 }, 'The job is not valid', 'namespace must be a string'],
  [{ ...good, namespace: undefined }, 'The job is not valid', 'namespace is missing'],
  [{ ...good, action: '' }, 'The job is not valid', 'action must not be empty'],
  [{ ...good, action: 'nothing' }, 'The job is not valid', 'there is no action rpc.nothing'],
  [{ ...good, param: {} }, 'The job is not valid', 'param is not known: did you mean params?'],
  [{ ...good, params: null }, 'The job is not valid', 'params is missing'],
  [
    { ...good, id: '' },
    'The job is not valid',
    'id must be a string of 1 to 200 characters or a whole number',
  ],
  [{ ...good, group: 'a\0' }, 'The job is not valid', 'group has a character that cannot be stored'],
  [
    { ...good, dependsOn: null },
    'The job is not valid',
    'dependsOn must be an array of job ids, or of objects such as {"job":"a"}',
  ],
  [
    { ...good, dependsOn: [{ job: 'a', when: 'done' }] },
    'The job is not valid',
    'dependsOn[0].when must be one of succeeded, failed, finished',
  ],
  [
    { ...good, bind: null },
    'The job is not valid',
    'bind must be an object, such as {"/event":{"job":"a","at":"/id"}}',
  ],
  [{ ...good, params: [] }, "'params' does not validate", 'params must be object'],
  [{ ...good, params: { id: 'x', name: 'one' } }, "'id' does not validate", 'params.id must be integer'],
  [{ ...good, params: { id: 1 } }, "'name' does not validate", 'params.name is required'],
];

const expectedResponse = ([, message, detail]: (typeof INVALID)[number]) => ({
  errorCode: 400,
  message,
  specificCode: 23016,
  additionalMessages: [detail],
});

test('a batch of only invalid jobs ends at once, without a worker, and its callback is due', async () => {
  const jobs = INVALID.map(([job]) => job);
  const asyncId = await system.run(jobs, { options, callbackUrl: 'http://127.0.0.1:9/callback' });
  const { body } = await system.rpc('progress', { async: asyncId });
  const failed = INVALID.length;
  assert.deepEqual(body, {
    progress: 100,
    asyncId,
    state: 'completed',
    counts: {
      total: failed,
      pending: 0,
      waiting: 0,
      running: 0,
      succeeded: 0,
      failed,
      cancelled: 0,
      skipped: 0,
    },
  });
  const results = await system.results(asyncId);
  assert.deepEqual(
    results.map(({ response }) => response),
    INVALID.map(expectedResponse),
  );

  const batch = await system.pool.query(
    'select callback_state, finished_at is not null as finished from batchwright.batch where id = $1',
    [asyncId],
  );
  assert.deepEqual(batch.rows, [{ callback_state: 'pending', finished: true }]);
  const messages = await system.pool.query(
    `select name, state from pgboss.job where replace(data->>'batch', '-', '') = $1`,
    [asyncId],
  );
  assert.deepEqual(messages.rows, [{ name: 'callbacks', state: 'created' }]);
});

test('a batch of only invalid jobs without a callback ends too, and nothing is queued for it', async () => {
  const asyncId = await system.run([7], { options });
  assert.equal((await system.rpc('progress', { async: asyncId })).body.state, 'completed');
  const messages = await system.pool.query(
    `select from pgboss.job where replace(data->>'batch', '-', '') = $1`,
    [asyncId],
  );
  assert.equal(messages.rowCount, 0);
});

test('an option before or after the jobs has the same effect, also over several chunks', async () => {
  const jobs = Array.from({ length: 2300 }, () => 7);
  for (const body of [
    { options, jobs },
    { jobs, options },
  ]) {
    const { status, body: started } = await system.rpc('run', body);
    assert.equal(status, 200);
    const { body: progress } = await system.rpc('progress', { async: started.asyncId });
    assert.equal(progress.counts.failed, 2300);
    assert.deepEqual((await system.rpc('validate', body)).body, { valid: true });
  }
});

test('with skipInvalid false one invalid job refuses the batch', async () => {
  const { status, body } = await system.rpc('run', { jobs: [good, 7], options: { skipInvalid: false } });
  assert.equal(status, 400);
  assert.equal(body.specificCode, 24092);
});

test('too many dependencies or bound places of a job refuse the batch, and nothing is stored', async () => {
  const names = Array.from({ length: 1001 }, (_, n) => String(n));
  const first = names.map((id) => ({ ...good, id }));
  const from = (job: string) => ({ job, at: '/id' });
  const bound = (ids: string[]) => Object.fromEntries(ids.map((id) => [`/${id}`, from(id)]));
  const stored = async () => (await system.pool.query('select from batchwright.batch')).rowCount;
  const before = await stored();
  for (const [members, text] of [
    [{ dependsOn: names.map(() => '0') }, 'dependsOn has 1001 dependencies'],
    [{ dependsOn: names, id: '', group: '', bind: null }, 'dependsOn has 1001 dependencies'],
    [{ bind: Object.fromEntries(names.map((n) => [`/${n}`, from('0')])) }, 'bind has 1001 places'],
    [
      { dependsOn: names.slice(0, 600), bind: bound(names.slice(500)) },
      'dependsOn and bind have 1001 dependencies',
    ],
  ] as const) {
    const { status, body } = await system.rpc('run', { jobs: [...first, { ...good, ...members }], options });
    assert.deepEqual([status, body.specificCode], [400, 24092]);
    assert.deepEqual(body.additionalMessages, [`jobs[1001].${text}: a job can have at most 1000`]);
  }
  assert.equal(await stored(), before);
});

test('the permission of every action is needed, including that of invalid jobs', async () => {
  const made = await system.request('/v1/keys', {
    method: 'POST',
    body: JSON.stringify({ name: 'strict only', permissions: ['rpc.strict'] }),
  });
  const headers = { authorization: `Bearer ${made.body.key}` };
  const refused = await system.rpc(
    'run',
    { jobs: [7, good, { ...good, action: 'refuse', params: { message: 'no' } }], options },
    headers,
  );
  assert.equal(refused.status, 403);
  assert.deepEqual(refused.body.additionalMessages, ['the key lacks rpc.refuse']);
  const alsoRefused = await system.rpc(
    'run',
    { jobs: [{ ...good, action: 'refuse', params: {} }], options },
    headers,
  );
  assert.equal(alsoRefused.status, 403);
  assert.deepEqual(alsoRefused.body.additionalMessages, ['the key lacks rpc.refuse']);
});

test('skipInvalid with a worker', async (t) => {
  await system.addWorker();

  await t.test('the valid jobs run and each result has its position', async () => {
    const jobs = INVALID.flatMap(([job]) => [job, { ...good, id: undefined }]);
    const asyncId = await system.run(jobs, { options });
    const { state, counts } = await system.ended(asyncId);
    assert.equal(state, 'completed');
    const half = INVALID.length;
    assert.deepEqual(counts, {
      total: 2 * half,
      pending: 0,
      waiting: 0,
      running: 0,
      succeeded: half,
      failed: half,
      cancelled: 0,
      skipped: 0,
    });
    const results = await system.results(asyncId);
    for (const [position, invalid] of INVALID.entries()) {
      const { finishedAt, ...failed } = results[2 * position];
      const sent = invalid[0] as Partial<typeof good & { id: string }> | null;
      const isObject = sent !== null && typeof sent === 'object' && !Array.isArray(sent);
      assert.deepEqual(failed, {
        index: 2 * position,
        ...(isObject && sent.id !== undefined && { id: sent.id }),
        namespace: (isObject && sent.namespace) || null,
        action: isObject ? sent.action : null,
        request: isObject ? sent.params : sent,
        response: expectedResponse(invalid),
        status: 'failed',
        attempts: 0,
        startedAt: null,
      });
      assert.equal(typeof finishedAt, 'string');
      assert.deepEqual(results[2 * position + 1].response, good.params);
      assert.equal(results[2 * position + 1].status, 'succeeded');
    }
  });

  await t.test('a restart runs jobs that failed, and no invalid one', async () => {
    const fails = { namespace: 'rpc', action: 'refuse', params: { message: 'no' } };
    const asyncId = await system.run([null, fails, 7, good], { options });
    await system.ended(asyncId);
    const before = await system.results(asyncId);
    assert.deepEqual((await system.rpc('restart', { async: asyncId })).body, { restarted: true });
    const { counts } = await system.ended(asyncId);
    assert.deepEqual(counts, {
      total: 4,
      pending: 0,
      waiting: 0,
      running: 0,
      succeeded: 1,
      failed: 3,
      cancelled: 0,
      skipped: 0,
    });
    const after = await system.results(asyncId);
    for (const index of [0, 2, 3]) assert.deepEqual(after[index], before[index]);
    assert.notEqual(after[1].finishedAt, before[1].finishedAt);
  });

  await t.test('a batch with only invalid jobs left has nothing to restart', async () => {
    const asyncId = await system.run([good, { ...good, params: {} }], { options });
    await system.ended(asyncId);
    assert.deepEqual((await system.rpc('restart', { async: asyncId })).body, { restarted: false });
    assert.equal((await system.ended(asyncId)).state, 'completed');
  });
});
