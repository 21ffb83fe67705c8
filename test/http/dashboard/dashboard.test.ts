import assert from 'node:assert/strict';
import { once } from 'node:events';
import { glob, readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import express from 'express';
import { type Schema, shapesOf } from '../../../src/dashboard/components/form/schema.ts';
import { firstMapping, paramNames, paramsMaker } from '../../../src/dashboard/pages/csv/mapping.ts';
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

test('no class of the style sheet is unused', async () => {
  const sources = join(import.meta.dirname, '../../../src/dashboard');
  const read = async (pattern: string) =>
    (
      await Array.fromAsync(glob(pattern, { cwd: sources }), (file) => readFile(join(sources, file), 'utf8'))
    ).join('\n');
  const [styles, code, states] = await Promise.all([
    read('styles/*.css'),
    read('**/*.{ts,tsx}'),
    read('../client/resources/*.ts'),
  ]);
  const literals = (code + states).match(/'[^'\n]*'|"[^"\n]*"|`[^`]*`/g)?.join(' ') ?? '';
  const used = new Set(literals.match(/[\w-]+/g));
  const selectors = styles.replaceAll(/\/\*.*?\*\//gs, '').match(/[^{}]+(?=\{)/g) ?? [];
  const classes = new Set(
    selectors
      .filter((text) => !text.trim().startsWith('@'))
      .flatMap((text) => text.match(/(?<=\.)[a-z][\w-]*/gi) ?? []),
  );
  // The width of a column: `from-900`.
  const isUsed = (name: string) =>
    used.has(name) || (/^from-\d+$/.test(name) && code.includes(name.slice(5)));
  assert.ok(classes.size > 100);
  assert.deepEqual(
    [...classes].filter((name) => !isUsed(name)),
    [],
  );
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

test('a form offers each type and alternative of a schema once, and follows references that form a circle', () => {
  const root: Schema = {
    $defs: {
      tree: { type: 'object', properties: { left: { $ref: '#/$defs/tree' } } },
      self: { $ref: '#/$defs/self' },
    },
  };
  const titles = (schema: unknown) => shapesOf(schema, root).map(({ title }) => title);
  assert.deepEqual(titles({ type: ['integer', 'string', 'number', 'null'] }), ['Number', 'Text', 'Null']);
  assert.deepEqual(titles({ $ref: '#/$defs/tree' }), ['Object']);
  assert.deepEqual(titles({ $ref: '#/$defs/self' }), ['JSON']);
  assert.deepEqual(titles({ anyOf: [{ title: 'Name', type: 'string' }, { type: ['object', 'array'] }] }), [
    'Name',
    'Object',
    'List',
  ]);
  assert.deepEqual(titles({ type: 'object', oneOf: [{ required: ['a'] }, { required: ['b'] }] }), ['Object']);
  assert.deepEqual(titles({ enum: [1, null] }), ['Choice']);
  assert.deepEqual(titles(true), ['JSON']);
});

test('columns of a CSV file become the params of their name, typed by the schema', () => {
  const schema: Schema = {
    type: 'object',
    additionalProperties: false,
    properties: {
      firstName: { type: 'string' },
      id: { type: ['integer', 'null'] },
      address: { type: 'object', properties: { city: { type: 'string' } } },
      tags: { type: 'array', items: { type: 'string' } },
      isOpen: { type: 'boolean' },
    },
  };
  assert.deepEqual(paramNames(schema), ['firstName', 'id', 'address.city', 'tags.0', 'tags.1', 'isOpen']);
  const header = ['First Name', 'ID', 'address.city', 'tags.0', 'tags.1', 'notes', 'first_name'];
  const mapping = firstMapping(header, schema);
  assert.deepEqual(mapping.columns, ['firstName', 'id', 'address.city', 'tags.0', 'tags.1', '', '']);
  const params = paramsMaker({ ...mapping, fixed: [{ param: 'isOpen', text: 'TRUE' }] }, schema);
  assert.equal(
    params(['Ada', '9007199254740993', 'Wien', '', 'b', 'x', 'y']),
    '{"firstName":"Ada","id":9007199254740993,"address":{"city":"Wien"},"tags":["b"],"isOpen":true}',
  );
  assert.equal(params(['', '']), '{"id":null,"isOpen":true}');
  assert.throws(() => paramsMaker({ columns: ['address', 'address.city'], fixed: [] }, schema), {
    message: 'the columns address and address.city name the same place',
  });
});
