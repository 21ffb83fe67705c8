/** The log of the embedded database does not fill the disk. */
import assert from 'node:assert/strict';
import { appendFile, mkdir, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { boundLog } from '../../src/embedded/bounded-log.ts';
import { withClient } from '../support/server.ts';
import { waitFor } from '../support/wait.ts';
import { makeDataDir } from './data-dir.ts';

const MEBIBYTE = 1024 * 1024;
/** 600 MB in the log, if nothing emptied it. */
const MOST_ERRORS = 3_000;

async function newFile(t: { after(fn: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'batchwright-log-'));
  t.after(() => rm(folder, { recursive: true }));
  return join(folder, 'postgres.log');
}

const sizeOf = async (file: string) => (await stat(file).catch(() => ({ size: 0 }))).size;

test('a log over its limit is emptied, and its end is kept beside it', async (t) => {
  const file = await newFile(t);
  await boundLog(file, 10); // no log yet
  await writeFile(file, '0123456789');
  await boundLog(file, 10);
  assert.equal(await readFile(file, 'utf8'), '0123456789');
  await appendFile(file, 'abc');
  await boundLog(file, 10);
  assert.equal(await readFile(file, 'utf8'), '');
  assert.equal(await readFile(`${file}.1`, 'utf8'), '3456789abc');
  assert.equal((await stat(`${file}.1`)).mode & 0o777, 0o600);
});

test('a log is emptied also when its end cannot be kept', async (t) => {
  const file = await newFile(t);
  await mkdir(`${file}.1`);
  await writeFile(file, 'x'.repeat(100));
  await assert.rejects(boundLog(file, 10), { code: 'EISDIR' });
  assert.equal(await sizeOf(file), 0);
});

test('a flood of errors leaves a small log, in which later errors are found', async (t) => {
  const dataDir = await makeDataDir(t);
  const file = join(dataDir.path, 'postgres.log');
  // What an earlier release has left.
  await writeFile(file, '');
  await truncate(file, 50 * MEBIBYTE);
  const database = await dataDir.start();
  assert.ok((await sizeOf(file)) < MEBIBYTE);
  const padding = 'x'.repeat(200_000);
  let errors = 0;
  let emptied = 0;
  let before = 0;
  const flood = () =>
    withClient(database.url, async (client) => {
      while (emptied < 2 && errors < MOST_ERRORS) {
        await client.query(`select 1 / 0 -- ${padding}`).catch(() => errors++);
        const size = await sizeOf(file);
        if (size < before / 2) emptied++;
        before = size;
      }
    });
  await Promise.all(Array.from({ length: 6 }, flood));
  assert.ok(emptied >= 2, `the log was emptied ${emptied} times during ${errors} errors`);
  await waitFor(async () => (await sizeOf(file)) <= 10 * MEBIBYTE, { what: 'the log to be shortened' });
  assert.equal(await sizeOf(`${file}.1`), 10 * MEBIBYTE);
  await withClient(database.url, (client) => client.query('select the_error_that_comes_later')).catch(
    () => {},
  );
  await waitFor(async () => (await readFile(file, 'utf8')).includes('the_error_that_comes_later'), {
    what: 'the later error',
  });
  assert.ok(!(await readFile(file)).includes(0), 'the server appends: the file has no hole');
});
