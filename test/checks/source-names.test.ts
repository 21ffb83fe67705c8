/** A clone runs TypeScript, and the package what is compiled: no compiled file may lead to a source. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { refuseSourceNames } from '../../packaging/build.ts';

test('the build refuses a compiled file that would load a source, and names it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'batchwright-build-'));
  t.after(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'jobs'));
  const write = (lines: string) => writeFile(join(folder, 'jobs/routes.js'), lines);
  for (const name of ["'./lib/openapi.ts'", '"../a.ts"', '`./b.mts`', "'./thread.ts'"]) {
    await write(`export default { load: () => import(${name}) };\n`);
    await assert.rejects(refuseSourceNames(folder), (error: Error) => {
      assert.ok(error.message.endsWith(`\njobs/routes.js: ${name}`), error.message);
      return true;
    });
  }
  await write(
    "// As in `src/routes.ts`.\nimport { params } from '#schemas/demo/greet.ts';\nimport './lib/a.js';\n",
  );
  await refuseSourceNames(folder);
});
