/** The README of Tracx Connect: its commands work as pasted, and its answers are real ones. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { readBlock, readBlocks } from '../../docs/pages.ts';
import type { Json } from '../../support/json.ts';
import { ADMIN_KEY, startSystem } from '../../support/system.ts';
import { connectTo, DOCUMENTED } from './connect.ts';

const PAGE = 'jobs/tracx/README.md';
const system = await startSystem({ after });
const connect = connectTo(system);

/** The one JSON block below a heading. */
async function shown(heading: string): Promise<Json> {
  return JSON.parse(await readBlock(PAGE, heading, 'json'));
}

test('the commands of the README of Tracx Connect work as pasted', async () => {
  const commands = await readBlock(PAGE, 'Pointing a client here', 'sh');
  const session = commands
    .replace(/^API=.*$/m, `API=${system.url}`)
    .replace(/^ADMIN_KEY=.*$/m, `ADMIN_KEY=${ADMIN_KEY}`)
    // The participants are read when they are stored.
    .replace(/(\]'\n)(curl .*)$/m, `$1sleep 0.1; until $2 | grep -q '"total":1'; do sleep 0.05; done\n$2`);
  const { stdout } = await promisify(execFile)('bash', ['-ec', session], { timeout: 60_000 });
  const [queued = '', listed = ''] = stdout.split(/(?<=\}\})(?=\{)/);
  const { data } = JSON.parse(queued);
  assert.match(data.asyncId, /^[0-9a-f]{32}$/);
  assert.deepEqual({ data }, { data: { ...(await shown('An import')).data, asyncId: data.asyncId } });
  const { items, meta } = { ...JSON.parse(listed).data, meta: JSON.parse(listed).meta };
  assert.deepEqual([items[0].full_name, items[0].chip_code], ['John Doe', '0000001']);
  assert.deepEqual(meta, { current_page: 1, per_page: 100, total: 1, last_page: 1 });
});

test('the error in the README of Tracx Connect is the one that a wrong chip code gets', async () => {
  const { races } = await connect.addEvent();
  const wrong = { ...DOCUMENTED, race_id: races[0], chip_code: '1' };
  const token = await connect.sessionToken(['participants.store']);
  const answer = await connect.post('/participant', token, wrong);
  assert.equal(answer.status, 422);
  assert.deepEqual(answer.body, await shown('Errors'));
});

test('every code block of the README of Tracx Connect is tested here', async () => {
  const blocks = await readBlocks(PAGE);
  assert.deepEqual(
    blocks.map(({ heading, language }) => `${heading}, ${language}`),
    ['Pointing a client here, sh', 'An import, json', 'Errors, json'],
  );
});
