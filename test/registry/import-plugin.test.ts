import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { endCompiling, importPlugin } from '../../src/registry/import-plugin.ts';

test('a syntax that Node does not run is compiled for plugins, and no longer for the program once that has ended', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'batchwright-import-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  const fileOf = async (name: string) => {
    const file = join(folder, name);
    await writeFile(file, 'enum Colour { Red = 7 }\nexport const red = Colour.Red;\n');
    return file;
  };
  const { red } = await importPlugin(await fileOf('first.ts'));
  assert.equal(red, 7);
  await endCompiling();
  await assert.rejects(import(pathToFileURL(await fileOf('second.ts')).href), {
    code: 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX',
  });
  const again = await importPlugin(await fileOf('third.ts'));
  assert.equal(again.red, 7);
  await endCompiling();
});
