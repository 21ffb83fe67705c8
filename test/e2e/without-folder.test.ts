import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { cp, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeHome, ROOT } from '../main/product.ts';

// What namespaces share is not one.
const namespaces = readdirSync(join(ROOT, 'jobs')).filter((name) => name !== 'lib');

for (const namespace of namespaces)
  test(`without the folder jobs/${namespace} the product starts and has all other actions`, {
    timeout: 120_000,
  }, async (t) => {
    const home = await makeHome(t);
    const project = join(home.folder, 'project');
    for (const part of ['src', 'jobs', 'schemas', 'package.json'])
      await cp(join(ROOT, part), join(project, part), { recursive: true });
    await symlink(join(ROOT, 'node_modules'), join(project, 'node_modules'));
    for (const part of ['jobs', 'schemas'])
      await rm(join(project, part, namespace), { recursive: true, force: true });

    // Without the test's own plugins: they have a folder `test` too.
    const product = home.start({ PLUGIN_DIR: '' }, project);
    const site = await product.ready();
    const response = await fetch(`${site.url}/v1/actions`, {
      headers: { authorization: `Bearer ${site.key}` },
    });
    const { data } = (await response.json()) as { data: { name: string }[] };
    const found = new Set(data.map(({ name }) => name.split('.')[0]));
    const others = readdirSync(join(ROOT, 'schemas')).filter((name) => name !== namespace && name !== 'lib');
    assert.deepEqual([...found].sort(), others.sort());

    product.signalAll('SIGTERM');
    assert.deepEqual(await product.exited, { code: 0, signal: null });
    assert.equal(product.stderr(), '');
  });
