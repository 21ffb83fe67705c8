import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import express from 'express';
import { pretty } from '../../../src/dashboard/state/json-text.ts';
import { entriesOf, membersOf } from '../../../src/dashboard/state/raw.ts';
import { createAssets } from '../../../src/http/dashboard/assets.ts';
import { dashboardRoutes } from '../../../src/http/dashboard/routes.ts';

let server: Server;
let url: string;
before(async () => {
  server = express().use(dashboardRoutes()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());

test('the script and the style sheet of the dashboard are less than 120 KB compressed', async () => {
  const { byName } = await createAssets()();
  for (const encoding of ['br', 'gzip'] as const) {
    const sizes = [...byName.values()].map((asset) => asset[encoding].length);
    const total = sizes.reduce((sum, size) => sum + size);
    assert.ok(total < 120_000, `${encoding}: ${total} bytes`);
  }
});

test('the page names its parts by their content, with relative addresses, and they may be cached for ever', async () => {
  for (const [path, root] of [
    ['/dashboard', './'],
    ['/dashboard/', '../'],
    ['/dashboard/?from=mail', '../'],
  ] as const) {
    const page = await fetch(url + path);
    assert.equal(page.status, 200);
    const html = await page.text();
    const parts = [...html.matchAll(/(?:href|src)="([^"]*assets\/[^"]*)"/g)].map(([, part = '']) => part);
    assert.equal(parts.length, 2);
    for (const part of parts) {
      assert.ok(part.startsWith(root), part);
      const headers = { 'accept-encoding': 'gzip, deflate, br' };
      const answer = await fetch(new URL(part, url + path), { headers });
      assert.equal(answer.status, 200);
      assert.match(answer.headers.get('cache-control') ?? '', /immutable/);
      assert.equal(answer.headers.get('content-encoding'), 'br');
      assert.ok((await answer.arrayBuffer()).byteLength > 0);
    }
  }
});

test('the policy of the dashboard allows nothing inline and no other host', async () => {
  const policy = (await fetch(`${url}/dashboard`)).headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|\*|https?:/);
});

test('a part of the dashboard is sent as it is to a client that knows no compression', async () => {
  const html = await (await fetch(`${url}/dashboard`)).text();
  const [, part = ''] = /src="([^"]+)"/.exec(html) ?? [];
  const answer = await fetch(new URL(part, `${url}/dashboard`), {
    headers: { 'accept-encoding': 'identity' },
  });
  assert.equal(answer.headers.get('content-encoding'), null);
  assert.equal(answer.headers.get('vary'), 'Accept-Encoding');
  assert.match(await answer.text(), /batchwright\.key/);
});

for (const [text, laidOut] of [
  ['9007199254740993', '9007199254740993'],
  ['{}', '{}'],
  ['[ ]', '[]'],
  [
    '{"a":[1.0,{"a":null}],"a":"x,\\"}{"}',
    '{\n  "a": [\n    1.0,\n    {\n      "a": null\n    }\n  ],\n  "a": "x,\\"}{"\n}',
  ],
  ['{"open', '{"open'],
  ['not\u00a0json', 'not\u00a0json'],
] as const)
  test(`the dashboard lays out ${text} without changing a token`, () => {
    assert.equal(pretty(text), laidOut);
  });

test('the dashboard lays out a deep text without adding more white space than the text has', () => {
  const deep = `${'['.repeat(490)}${'1,'.repeat(10_000)}1${']'.repeat(490)}`;
  assert.ok(pretty(deep).length < 100 * deep.length);
});

test('the dashboard cuts members and entries out of an answer as they were sent', () => {
  const page =
    '{"data":[{"index":0,"request":{"n":9007199254740993}}, {"index":1,"request":1.0}],"nextCursor":null}';
  const entries = entriesOf(page);
  assert.deepEqual(
    entries.map((entry) => membersOf(entry, ['request', 'id'])),
    [
      ['{"n":9007199254740993}', undefined],
      ['1.0', undefined],
    ],
  );
});
