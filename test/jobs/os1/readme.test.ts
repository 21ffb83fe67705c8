/** The JSON of jobs/os1/README.md, sent and answered as it stands there. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { readBlock, readPage } from '../../docs/pages.ts';
import { startSystem } from '../../support/system.ts';
import { os1Client } from './client.ts';

const PAGE = 'jobs/os1/README.md';
const system = await startSystem({ after }, { worker: false, env: { CALLBACK_ALLOW: 'example.com' } });
const os1 = os1Client(system);

test("the README's body is taken", async () => {
  const answer = await os1.send('POST', '/cars/batch', await readBlock(PAGE, 'JSON', 'json'));
  assert.equal(answer.status, 202);
  const { data } = (await os1.send('GET', `/cars/batch/${answer.body.data.batchId}`)).body;
  assert.equal(data.totalCount, 1);
  assert.equal((await system.request(`/v1/batches/${data.id}/cancel`, { method: 'POST' })).status, 202);
});

test("the README's status is that of a batch with a wrong item", async () => {
  await system.addWorker();
  const { id } = await os1.create('cars', [{ uniqueCode: 'A-1' }, {}]);
  const { body } = await os1.send('GET', `/cars/batch/${id}`);
  const shown = JSON.parse(await readBlock(PAGE, 'The status', 'json'));
  const known = JSON.stringify(shown).replaceAll(shown.data.id, id);
  const carId = body.data.successDetails[0].id;
  assert.deepEqual(body, JSON.parse(known.replace(shown.data.successDetails[0].id, carId)));
});

test('the README lists every code of a failed item', async () => {
  const codes = [...(await readPage(PAGE)).matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code);
  assert.deepEqual(codes, [
    'INVALID',
    'DUPLICATE',
    'NOT_FOUND',
    'WRONG_TYPE',
    'TOO_LARGE',
    'WRONG_ROW',
    'CANCELLED',
    'FAILED',
  ]);
});
