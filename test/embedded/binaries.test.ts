import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Binaries, binariesFor } from '../../src/embedded/binaries.ts';

const unlessRoot = process.getuid?.() !== 0 && 'needs root';

test('findBinaries uses the programs in place and makes the symlinks that no install script made', async (t) => {
  const { native, binaries } = await makePackage(t);
  assert.deepEqual(await binariesFor(undefined, native, binaries), binaries);
  assert.equal(await readFile(join(native, 'lib/libpq.so'), 'utf8'), 'library');
});

test('findBinaries copies programs once that the server cannot reach, even for concurrent starts', {
  skip: unlessRoot,
}, async (t) => {
  const { native, binaries, version } = await makePackage(t);
  const nobody = { uid: 65534, gid: 65534 };
  const found = await Promise.all([1, 2, 3].map(() => binariesFor(nobody, native, binaries)));
  const copy = dirname(dirname(found[0]?.postgres ?? ''));
  t.after(async () => {
    await rm(copy, { recursive: true });
    // Succeeds only when it was made for this test.
    await rmdir(dirname(copy)).catch(() => undefined);
  });

  assert.match(copy, new RegExp(`/batchwright[^/]*/postgres-${version}$`));
  assert.deepEqual(found, Array(3).fill({ initdb: `${copy}/bin/initdb`, postgres: `${copy}/bin/postgres` }));
  assert.equal((await stat(`${copy}/bin/postgres`)).mode & 0o777, 0o755);
  assert.equal((await stat(`${copy}/share/sample`)).mode & 0o777, 0o644);
  assert.equal(await readFile(`${copy}/lib/libpq.so`, 'utf8'), 'library');
  const drafts = (await readdir(dirname(copy))).filter((name) => name.startsWith(`postgres-${version}.`));
  assert.deepEqual(drafts, []);
});

/** A package as npm unpacks it without scripts, under a umask of 077 in a folder closed to others. */
async function makePackage(t: TestContext): Promise<{ native: string; binaries: Binaries; version: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'batchwright-package-'));
  t.after(() => rm(folder, { recursive: true }));
  const version = `test-${randomUUID()}`;
  const native = join(folder, 'native');
  const files = {
    'package.json': JSON.stringify({ version }),
    'native/pg-symlinks.json': JSON.stringify([
      { source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so' },
    ]),
    'native/bin/initdb': 'program',
    'native/bin/postgres': 'program',
    'native/lib/libpq.so.5.18': 'library',
    'native/share/sample': 'sample',
  };
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o700 });
    await writeFile(join(folder, path), content, { mode: 0o600 });
  }
  const binaries = { initdb: join(native, 'bin/initdb'), postgres: join(native, 'bin/postgres') };
  await Promise.all(Object.values(binaries).map((program) => chmod(program, 0o700)));
  return { native, binaries, version };
}
