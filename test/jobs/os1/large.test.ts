/** A CSV file of 20,000 rows: it is read while it arrives, and each row is an item of the status. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startSystem } from '../../support/system.ts';
import { os1Client } from './client.ts';

const system = await startSystem({ after });
const os1 = os1Client(system);
const ROWS = 20_000;

/** Every thousandth row has a cell too many. */
function fileOf(rows: number): string {
  const lines = Array.from({ length: rows }, (_, n) =>
    n % 1000 === 999 ? `code ${n},name,owner,red,more` : `code ${n},"name, ${n}",owner,red`,
  );
  return `uniqueCode,name,owner,properties.color\n${lines.join('\n')}\n`;
}

test('20,000 rows are created, and rows that are wrong or already there fail alone', async () => {
  const first = await os1.upload('wagons', fileOf(ROWS));
  assert.deepEqual(
    [first.status, first.totalCount, first.successCount, first.failureCount],
    ['partial success', ROWS, ROWS - ROWS / 1000, ROWS / 1000],
  );
  assert.equal(first.successDetails.length, first.successCount);
  assert.deepEqual(
    first.failureDetails.map(({ line }) => line),
    Array.from({ length: ROWS / 1000 }, (_, n) => 1001 + 1000 * n),
  );
  assert.equal(new Set(first.successDetails.map(({ id }) => id)).size, first.successCount);

  const again = await os1.upload('wagons', fileOf(5000));
  assert.deepEqual([again.status, again.failureCount], ['failed', 5000]);
});
