import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DatabaseFigures } from '../../src/metrics/database-figures.ts';
import { type DatabaseProxy, startProxy } from '../support/proxy.ts';
import { startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';
import { Scrape } from './parse.ts';

const COUNTS = { batches: [], queues: [], callbacksWaiting: 0, workers: 1 };

test('/metrics answers with the figures of the process while the database hangs', async (t) => {
  let proxy: DatabaseProxy | undefined;
  const system = await startSystem(t, {
    worker: false,
    through: async (url) => {
      proxy = await startProxy(t, url);
      return proxy.url;
    },
  });
  const scrape = async () => {
    const response = await fetch(`${system.url}/metrics`);
    assert.equal(response.status, 200);
    return Scrape.read(await response.text());
  };
  assert.equal((await scrape()).value('workers'), 0);
  proxy?.freeze();
  const without = await waitFor(
    async () => {
      const scrapes = await Promise.all(Array.from({ length: 20 }, scrape));
      return scrapes.every((one) => one.value('workers') === undefined) && scrapes[0];
    },
    { what: 'the cached figures to end' },
  );
  for (const name of ['batches', 'queue_messages', 'oldest_waiting_seconds', 'callbacks_waiting'])
    assert.equal(without.metrics[`batchwright_${name}`], undefined, name);
  assert.equal(without.value('batches_submitted_total'), 0);
  assert.ok(
    (without.value('pg_pool', { pool: 'api', state: 'used' }) ?? 0) <= 2,
    'scrapes share a connection',
  );
  proxy?.thaw();
  await waitFor(async () => (await scrape()).value('workers') === 0, { what: 'the figures of the database' });
});

test('scrapes at the same time, and those while the database hangs, cost one count', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  let counted = 0;
  let answer = Promise.withResolvers<typeof COUNTS>();
  const figures = new DatabaseFigures(() => {
    counted++;
    return answer.promise;
  });
  const first = Array.from({ length: 50 }, () => figures.read());
  t.mock.timers.tick(2_000);
  for (const read of await Promise.all(first)) assert.deepEqual(read, []);
  now = 10_000;
  const second = figures.read();
  t.mock.timers.tick(2_000);
  assert.deepEqual(await second, []);
  assert.equal(counted, 1);

  answer.resolve(COUNTS);
  await answer.promise;
  answer = Promise.withResolvers();
  answer.resolve(COUNTS);
  now = 20_000;
  assert.equal((await figures.read()).length, 5);
});
