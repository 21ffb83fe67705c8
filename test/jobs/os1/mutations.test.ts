/** Requests that are changed at random: none of them is answered with 5xx, and a valid one still works afterwards. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { below, type Random, seeded } from '../../json/random-json.ts';
import { startSystem } from '../../support/system.ts';
import { os1Client } from './client.ts';

const system = await startSystem({ after }, { worker: false, env: { RATE_LIMIT: '0' } });
const os1 = os1Client(system);
const random = seeded(20261126);
const ROUNDS = 100;
/** The batches that were taken. */
const taken: string[] = [];

const VALUES = [
  ...['null', '0', '-1e999', '12345678901234567890', '""', '"\\u0000"', '"\\ud800"', '[]', '{}', '[[[]]]'],
  ...['{"__proto__":1}', '{"url":5}', '{"url":"http://[::1]:1/"}', '"http://\\u0000/"', 'true', '[null]'],
];
const pick = <Item>(items: readonly Item[]) => items[below(random, items.length)] as Item;

/** Removes, repeats, changes or inserts some bytes. */
function changed(bytes: Buffer, by: Random): Buffer {
  const at = below(by, bytes.length);
  const to = Math.min(bytes.length, at + 1 + below(by, 8));
  const [head, part, tail] = [bytes.subarray(0, at), bytes.subarray(at, to), bytes.subarray(to)];
  const other = Buffer.from([below(by, 256), below(by, 256)]);
  return Buffer.concat(pick([[head, tail], [head, part, part, tail], [head, other, tail], [head], [part]]));
}

/** A JSON request some values of which are replaced. */
function json(): string {
  const value = () => (below(random, 3) > 0 ? '"a"' : pick(VALUES));
  const item = `{"uniqueCode":${value()},"name":${value()},"properties":${value()},"id":${value()}}`;
  return `{"payload":${pick([`[${item}]`, `[${pick(VALUES)}]`, pick(VALUES)])},"callback":${pick(VALUES)}}`;
}

const CSV = 'uniqueCode,name,properties.color\r\na,"b;""c""",red\r\nd,e,"f\r\ng"\r\n';
const form = (csv: Buffer | string) =>
  Buffer.concat([
    Buffer.from('--b\r\nContent-Disposition: form-data; name="callback"\r\n\r\nhttps://example.com/\r\n'),
    Buffer.from('--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'),
    Buffer.from(csv),
    Buffer.from('\r\n--b--\r\n'),
  ]);
const MULTIPART = { 'content-type': 'multipart/form-data; boundary=b' };

const kinds: Record<string, () => [path: string, body: Buffer, headers?: Record<string, string>]> = {
  'replaced values of a JSON body': () => ['/cars/batch', Buffer.from(json())],
  'changed bytes of a JSON body': () => ['/cars/batch', changed(Buffer.from(json()), random)],
  'changed bytes of a CSV file': () => [
    '/cars/batch/upload',
    form(changed(Buffer.from(CSV), random)),
    MULTIPART,
  ],
  'changed bytes of a form': () => ['/cars/batch/upload', changed(form(CSV), random), MULTIPART],
};

for (const [what, make] of Object.entries(kinds))
  test(`${ROUNDS} requests with ${what} are answered without 5xx`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const [path, body, headers] = make();
      const method = pick(['POST', 'PATCH', 'PUT']);
      const answer = await os1.send(method, path, Uint8Array.from(body), headers);
      const told = `${method} ${path} ${JSON.stringify(body.toString('latin1'))}: ${answer.status}`;
      assert.ok(answer.status < 500, told);
      if (answer.status === 202) taken.push(answer.body.data.batchId);
      assert.equal(typeof (answer.body.data?.batchId ?? answer.body.error?.code), 'string', told);
    }
  });

test('odd paths and headers are answered without 5xx', async () => {
  const paths = [
    '/%00/batch',
    '/%ff/batch',
    '/cars/batch/%00',
    '/cars/batch/status?batchId=%00',
    '/__proto__/batch',
  ];
  for (const path of paths)
    for (const method of ['GET', 'POST', 'DELETE']) {
      const { status } = await os1.send(method, path, method === 'POST' ? '{}' : undefined);
      assert.ok(status >= 400 && status < 500, `${method} ${path}: ${status}`);
    }
  for (const more of [
    { 'x-coreos-tid': 'x'.repeat(5000) },
    { 'x-coreos-request-id': 'ü'.repeat(100) },
    { 'content-encoding': 'unknown' },
    { 'content-encoding': 'gzip' },
  ]) {
    const { status } = await os1.send('POST', '/cars/batch', '{"payload":[]}', more);
    assert.ok(status >= 400 && status < 500, `${JSON.stringify(more)}: ${status}`);
  }
});

test('the batches of changed requests end, and a valid one succeeds', async () => {
  await system.addWorker();
  assert.ok(taken.length > 20, `${taken.length}`);
  for (const batchId of taken) {
    const { totalCount, successCount, failureCount } = await os1.ended('cars', batchId);
    assert.equal(successCount + failureCount, totalCount);
  }
  const { status } = await os1.create('cars', [{ uniqueCode: 'a valid one' }]);
  assert.equal(status, 'success');
});
