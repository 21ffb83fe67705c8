import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TelemetryEvent } from '../../src/telemetry/events.ts';

test('an event reaches each listener until it ends its listening, and no other code', () => {
  const event = new TelemetryEvent<{ n: number }>('test.first');
  const other = new TelemetryEvent<{ n: number }>('test.second');
  const heard: string[] = [];
  const ignore = event.listen(({ n }) => heard.push(`first ${n}`));
  event.listen(({ n }) => heard.push(`second ${n}`));
  event.emit({ n: 1 });
  other.emit({ n: 2 });
  ignore();
  event.emit({ n: 3 });
  assert.deepEqual(heard, ['first 1', 'second 1', 'second 3']);
});
