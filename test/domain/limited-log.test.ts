import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { LimitedLog } from '../../src/domain/limited-log.ts';

function logOf(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const lines: string[] = [];
  const write = (level: string) => (fields: object, message: string) =>
    void lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const log = new LimitedLog({ info: write('info'), warn: write('warn'), error: write('error') }, 1000);
  const note = (kind: string, index: number) =>
    log.note({ level: 'warn', kind, fields: () => ({ index }), message: kind });
  return { lines, log, note };
}

test('the first line of a kind is written at once, and later ones are counted in one line per interval', (t) => {
  const { lines, note } = logOf(t);
  for (const index of [1, 2, 3]) note('a', index);
  note('b', 7);
  assert.deepEqual(lines.splice(0), ['warn a {"index":1,"count":1}', 'warn b {"index":7,"count":1}']);
  t.mock.timers.tick(1000);
  assert.deepEqual(lines.splice(0), ['warn a {"index":3,"count":2}']);
  note('b', 8);
  assert.deepEqual(
    lines.splice(0),
    ['warn b {"index":8,"count":1}'],
    'an interval without any: at once again',
  );
  note('a', 4);
  t.mock.timers.tick(1000);
  assert.deepEqual(lines.splice(0), ['warn a {"index":4,"count":1}']);
  t.mock.timers.tick(10_000);
  assert.deepEqual(lines, []);
});

test('kinds beyond a hundred share one line per message', (t) => {
  const { lines, log } = logOf(t);
  const note = (kind: number) =>
    log.note({ level: 'info', kind: `host ${kind}`, fields: () => ({ kind }), message: 'failed' });
  for (let kind = 0; kind < 1000; kind++) note(kind);
  assert.equal(lines.splice(0).length, 101);
  t.mock.timers.tick(1000);
  assert.deepEqual(lines.splice(0), ['info failed {"kind":999,"count":899}']);
});

test('remaining occurrences are written when the process ends', (t) => {
  const { lines, log, note } = logOf(t);
  for (const index of [1, 2, 3]) note('a', index);
  log.flush();
  assert.deepEqual(lines.splice(0), ['warn a {"index":1,"count":1}', 'warn a {"index":3,"count":2}']);
  t.mock.timers.tick(10_000);
  assert.deepEqual(lines, []);
});
