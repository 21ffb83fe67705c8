import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
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
  for (const folder of ['jobs', 'schemas']) await mkdir(join(plugins, folder), { recursive: true });
  const product = home.start({ PLUGIN_DIR: plugins }, ROOT, 'dev');
  await product.ready();

  await writeFiles(plugins, {
    'package.json': '{"type":"module"}',
    'schemas/demo/greet.ts': "export const params = { type: 'object' } as const;",
    'jobs/demo/greet.ts': greeting('Hello'),
    'jobs/demo/migrations/001_guests.sql': 'create table demo.guest (name text)',
  });
  const restarted = { timeoutMs: 90_000 };
  await waitFor(async () => (await greets(product)) === 'Hello', { what: 'the new action', ...restarted });
  assert.match(product.stdout(), /"schema":"demo","migrations":"001_guests"/);

  await writeFile(join(plugins, 'jobs/demo/greet.ts'), greeting('Good morning'));
  await waitFor(async () => (await greets(product)) === 'Good morning', { what: 'the edit', ...restarted });

  product.signalAll('SIGTERM');
  await product.exited;
  assert.deepEqual(await home.processes(), []);
});
