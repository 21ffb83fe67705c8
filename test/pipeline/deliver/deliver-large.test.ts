import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { startReluctantReceiver, verified } from './deliver-receiver.ts';
import { callbackBecomes, callbackSecret, callbackTo, startDelivering } from './deliver-support.ts';

const JOBS = 20_000;
const system = await startSystem({ after }, { worker: false });

test('the callback of 20,000 jobs is read at the pace of its receiver and arrives complete and signed', async (t) => {
  const worker = await system.addWorker();
  // Unusual spellings of JSON, which must be returned unchanged.
  const job = (n: number) =>
    `{"namespace":"test","action":"echo","params":{"n":${n}, "odd":1.50E+1,"text":"\\u00e9${'x'.repeat(500)}"}}`;
  const { status, body: run } = await system.rpc(
    'run',
    `{"jobs":[${Array.from({ length: JOBS }, (_, n) => job(n))}]}`,
  );
  assert.equal(status, 200, JSON.stringify(run));
  await system.ended(run.asyncId, 30_000);
  await worker.drain();

  const pages = t.mock.method(system.pool, 'query');
  const pagesRead = () =>
    pages.mock.calls.filter(({ arguments: [query] }) => (query as { name?: string }).name === 'result-page')
      .length;
  const receiver = await startReluctantReceiver(t);
  await startDelivering(t, system, { lanes: 1, retrySeconds: [] });
  await callbackTo(system, run.asyncId, receiver.url);
  const request = await receiver.request(1);

  // The body is far larger than the socket buffers: the sender has to stop.
  const halted = await standsStill(pagesRead);
  const { bytes, complete } = await receiver.read(request);
  assert.equal(complete, true);
  await callbackBecomes(system, run.asyncId, 'delivered');
  const pagesOnce = pagesRead() / 2;
  assert.ok(pagesOnce > 10, `${pagesOnce} pages`);
  assert.ok(
    halted < 2 * pagesOnce - 2,
    `${halted} of ${2 * pagesOnce} pages were read before the receiver read any`,
  );

  assert.ok(bytes.length > 25_000_000, `${bytes.length} bytes`);
  const headers = request.headers as Record<string, string>;
  assert.equal(headers['content-length'], String(bytes.length));
  assert.equal(headers['transfer-encoding'], undefined);
  const body = bytes.toString();
  const callback = verified(await callbackSecret(system), { id: '', headers, body });
  assert.deepEqual(callback.counts, {
    total: JOBS,
    pending: 0,
    waiting: 0,
    running: 0,
    succeeded: JOBS,
    failed: 0,
    cancelled: 0,
    skipped: 0,
  });
  assert.equal(callback.results.length, JOBS);
  for (const [index, result] of callback.results.entries())
    assert.ok(
      result.index === index && result.request.n === index && result.response.n === index,
      `${index}`,
    );
  for (const n of [0, 999, 1000, JOBS - 1])
    assert.ok(body.includes(`"request":{"n":${n}, "odd":1.50E+1,"text":"\\u00e9x`), `job ${n}`);
});

/** The value after it has not changed for a while. */
async function standsStill(read: () => number): Promise<number> {
  let last = -1;
  let same = 0;
  await waitFor(
    async () => {
      same = read() === last ? same + 1 : 0;
      last = read();
      return same >= 12;
    },
    { what: 'the sender to come to a halt' },
  );
  return last;
}
