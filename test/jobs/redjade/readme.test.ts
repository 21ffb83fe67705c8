/** The blocks of jobs/redjade/README.md and the example in examples/, as a newcomer uses them. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { run } from '../../../examples/redjade.ts';
import { readBlock } from '../../docs/pages.ts';
import { ADMIN_KEY, startSystem } from '../../support/system.ts';
import { addEvent, clientOf, IMPORTS } from './client.ts';

const system = await startSystem({ after });
const client = clientOf(system);
const README = 'jobs/redjade/README.md';

test('the import in the README is accepted, and the report has rows of the shape that it shows', async () => {
  const sent = await readBlock(README, 'An import', 'json');
  await addEvent(client, { externalEventId: '77' });
  const { status, body } = await client.post(IMPORTS, sent);
  assert.equal(status, 201);
  assert.equal(body.participant_import.valid_count, 1);
  const report = (await client.get(`${IMPORTS}/${body.participant_import.id}/parser`)).body;
  assert.deepEqual(report.rows[0].participant, JSON.parse(sent).participants[0]);
  const shown = JSON.parse(await readBlock(README, 'The parser report', 'json'));
  assert.deepEqual(Object.keys(report.rows[0]), Object.keys(shown));
});

test('the example imports participants in both steps, also when it runs again', async () => {
  for (const rows of ['  row 0: valid', '  row 0: valid, is participant 1, by external_id']) {
    const lines: string[] = [];
    await run({ url: system.url, adminKey: ADMIN_KEY, print: (line) => lines.push(line) });
    assert.ok(lines.includes(rows), lines.join('\n'));
    assert.ok(lines.includes('POST /v1/participant_import_actions without options: failed.'));
    assert.deepEqual(lines.slice(-4), [
      '3 rows were applied. The participants of the event:',
      '  1 Ada <ada@example.com> {"Age":36}',
      '  2 Alan <alan@example.com> {"Age":41,"Tea":true}',
      '  3 Grace <GRACE@example.com> {}',
    ]);
  }
});
