/** Runs the examples of the page on options exactly as printed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBlocks } from '../docs/pages.ts';
import { startHttpServer } from '../outbound/loopback.ts';
import type { Json } from '../support/json.ts';
import { waitFor } from '../support/wait.ts';
import { assertShown, startPasting } from './pasting.ts';

const PAGE = 'docs/options.md';

test('the examples of docs/options.md work as pasted', { timeout: 300_000 }, async (t) => {
  const { paste } = await startPasting(t);
  const received: (string | undefined)[] = [];
  const { url } = await startHttpServer(t, (request, response) => {
    received.push(request.headers.authorization);
    request.resume();
    response.end();
  });
  const blocks = (await readBlocks(PAGE)).filter(({ language }) => language === 'sh');
  const session = blocks.map(({ heading, code }) => `echo '== ${heading}'\n${code}`).join('');
  const printed = await paste(session, `${url}/hook`);
  const answers = new Map<string, Json[]>(
    printed
      .split(/^== /m)
      .slice(1)
      .map((part) => {
        const [heading = '', ...lines] = part.trim().split('\n');
        return [heading, lines.map((line) => JSON.parse(line.startsWith('{') ? line : `{${line}}`))];
      }),
  );

  /** The place of the answer that is shown, where there are several. */
  const places: Record<string, number> = { 'The callback of a batch': 1, Pausing: 1 };
  for (const { heading } of blocks)
    await t.test(`"${heading}" answers as shown`, () =>
      assertShown(PAGE, heading, answers.get(heading)?.[places[heading] ?? 0]),
    );

  await t.test('the list has the batch with the text', () => {
    const list = answers.get('Name and metadata')?.[1];
    assert.deepEqual(
      list.data.map(({ name }: Json) => name),
      ['Tonight'],
    );
  });
  await t.test('what is called is done', () => {
    const done = (heading: string) => answers.get(heading)?.slice((places[heading] ?? 0) + 1);
    assert.deepEqual(done('The callback of a batch'), [{ reposted: true }]);
    assert.deepEqual(done('A start and a deadline'), [{ cancelled: true }]);
    assert.deepEqual(done('Pausing'), [{ resumed: true }, { cancelled: true }]);
    assert.deepEqual(answers.get('Pausing')?.[0], { paused: true });
  });
  await t.test('the repost sends the callback with its header', async () => {
    await waitFor(async () => received.length > 0, { what: 'the callback' });
    assert.deepEqual(received, ['Bearer secret']);
  });
});
