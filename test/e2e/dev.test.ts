import assert from 'node:assert/strict';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeHome, type Product, ROOT } from '../main/product.ts';
import { writeFiles } from '../registry/plugin-root.ts';
import { waitFor } from '../support/wait.ts';

const greeting = (text: string) =>
  `export default { summary: 'Greets', run: () => ({ greeting: '${text}' }) };`;

/** The action's answer in the current run of the product; undefined while none has the action. */
async function greets(product: Product): Promise<string | undefined> {
  const { post } = await product.ready();
  const answer = await post('/api/1.0/demo?action=greet').catch(() => undefined);
  return answer?.body.greeting;
}

// Each restart of the whole product takes long on a busy machine.
const timeout = 300_000;

test('npm run dev restarts on new files, new migrations and edits in PLUGIN_DIR', { timeout }, async (t) => {
  const home = await makeHome(t);
  const plugins = join(home.folder, 'my plugins');
  await mkdir(join(plugins, 'jobs'), { recursive: true });
  const product = home.start({ PLUGIN_DIR: plugins }, ROOT, 'dev');
  await product.ready();
  const isAnswered = (greeting: string) =>
    waitFor(async () => (await greets(product)) === greeting, { what: greeting, timeoutMs: 90_000 });

  await writeFiles(plugins, {
    'package.json': '{"type":"module"}',
    'schemas/demo/greet.ts': "export const params = { type: 'object' } as const;",
    'jobs/demo/greet.ts': greeting('Hello'),
    'jobs/demo/migrations/001_guests.sql': 'create table demo.guest (name text)',
  });
  await isAnswered('Hello');
  assert.match(product.stdout(), /"schema":"demo","migrations":"001_guests"/);

  // As vim and `sed -i` save: the file is another one afterwards.
  const file = join(plugins, 'jobs/demo/greet.ts');
  const replace = async (text: string) => {
    await writeFile(join(home.folder, 'draft'), text);
    await rename(join(home.folder, 'draft'), file);
  };
  await replace('export default {');
  const failed = /the server has ended with exit code 1; the next edit starts it again/;
  await waitFor(async () => failed.test(product.stderr()), { what: 'the failed start', timeoutMs: 90_000 });
  assert.match(product.stderr(), /my plugins\/jobs\/demo\/greet\.ts has changed: the server starts again/);
  await writeFile(file, greeting('Good morning'));
  await isAnswered('Good morning');
  for (const text of ['Good evening', 'Good night']) {
    await replace(greeting(text));
    await isAnswered(text);
  }

  product.signalAll('SIGTERM');
  assert.deepEqual(await product.exited, { code: 0, signal: null });
  assert.deepEqual(await home.processes(), []);
  // One at a time: each has drained before the next one started.
  const lines = product.logged();
  const ready = lines.filter(({ msg }) => msg.startsWith('Batchwright is ready'));
  const servers = new Set(ready.map(({ pid }) => pid));
  const states = lines.filter(({ msg, pid }) => msg === 'stopped' && servers.has(pid)).concat(ready);
  const inOrder = states.sort((one, other) => lines.indexOf(one) - lines.indexOf(other));
  assert.deepEqual(
    inOrder.map(({ pid }) => pid),
    ready.flatMap(({ pid }) => [pid, pid]),
  );
});
