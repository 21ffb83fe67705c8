/** Runs the example of the page on calls exactly as printed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBlock, readBlocks } from '../docs/pages.ts';
import { assertShown, freePort, startPasting } from './pasting.ts';

const PAGE = 'docs/calls.md';

test('the example of docs/calls.md works as pasted', { timeout: 300_000 }, async (t) => {
  const { home, paste, get } = await startPasting(t, async () => ({ HTTP_ALLOW: '127.0.0.1' }));
  const session = (await readBlocks(PAGE))
    .filter(({ language }) => language === 'sh')
    .map(({ code }) => code)
    .join('');
  const ports: Record<string, number> = { 4100: await freePort(), 4101: await freePort() };
  const printed = await paste(
    session.replace(/410[01]/g, (port) => String(ports[port])).replaceAll('/tmp/', `${home.folder}/`),
  );

  const ends = [...printed.matchAll(/^event: finished\ndata: (.*)$/gm)].map(([, data = '']) =>
    JSON.parse(data),
  );
  assert.equal(ends.length, 2, printed.slice(-2000));
  assert.deepEqual(
    ends.map(({ counts }) => [counts.total, counts.succeeded, counts.failed]),
    [
      [5000, 4885, 115],
      [5000, 4935, 65],
    ],
  );
  // On a slow machine the shop refuses nothing, and its pace is null.
  const [, limits = '{}'] = /^(\{"actions".*\})$/m.exec(printed) ?? [];
  const hosts: string[] = JSON.parse(limits).data.map(({ bucket }: { bucket: string }) => bucket);
  assert.ok(hosts.includes(`127.0.0.1:${ports[4100]}`), limits);

  const counted = [...printed.matchAll(/^ *(\d+) "errorCode":(\d+)$/gm)].map(([, count, code]) => [
    code,
    count,
  ]);
  assert.deepEqual(counted, [
    ['404', '50'],
    ['500', '10'],
    ['503', '50'],
    ['504', '5'],
  ]);

  const [first] = (await get(`/v1/batches/${ends[0].asyncId}/results?status=failed&limit=1`)).data;
  const shown = JSON.parse(await readBlock(PAGE, 'What failed, and why', 'json'));
  const { headers } = first.response.details;
  assert.match(headers.date, / GMT$/);
  headers.date = shown.details.headers.date;
  await assertShown(PAGE, 'What failed, and why', first.response);
});
