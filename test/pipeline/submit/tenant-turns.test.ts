import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TenantTurns } from '../../../src/pipeline/submit/tenant-turns.ts';
import { settled } from '../../support/settled.ts';

/** Work that the test ends. */
function held() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { work: () => promise, end: resolve };
}

test('tenants take turns, even if the first has much work waiting', async () => {
  const turns = new TenantTurns(1);
  const first = held();
  const order: string[] = [];
  const take = (tenant: string) => turns.take(tenant, async () => void order.push(tenant));
  const all = [turns.take('a', first.work)];
  for (const tenant of ['a', 'a', 'a', 'b', 'b', 'c']) all.push(take(tenant));
  first.end();
  await Promise.all(all);
  assert.deepEqual(order, ['a', 'b', 'c', 'a', 'b', 'a']);
});

test('a limited number of tenants has a turn at once, and a failure ends a turn', async () => {
  const turns = new TenantTurns(2);
  const [one, two] = [held(), held()];
  let running = 0;
  const count = async (work: () => Promise<void>) => {
    running++;
    await work();
    running--;
  };
  const failing = assert.rejects(
    turns.take('a', () =>
      count(async () => {
        await one.work();
        running--;
        throw new Error('no');
      }),
    ),
    /no/,
  );
  const others = [turns.take('a', () => count(two.work)), turns.take('a', () => count(async () => {}))];
  assert.equal(await settled(async () => running, { forMs: 20, what: 'what runs' }), 2);
  one.end();
  await failing;
  two.end();
  await Promise.all(others);
  assert.equal(running, 0);
});
