/** Requests with random faults: none is an error of the server, and all errors have the documented shape. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startSystem } from '../../support/system.ts';
import { ACTIONS, addEvent, clientOf, IMPORTS } from './client.ts';

const SEED = 20261126;
const REQUESTS = 300;
const AT_ONCE = 6;

const system = await startSystem({ after });
const client = clientOf(system);
await addEvent(client, { externalEventId: '77' });

const IMPORT = {
  external_event_id: 77,
  act_if_valid: true,
  skip_invalid: true,
  skip_duplicate_identity_matches: true,
  participants: [
    {
      external_id: 'A-1',
      email: 'ada@example.com',
      first_name: 'Ada',
      demographics: { Age: 36, City: 'London' },
    },
    { email: 'grace@example.com', locale: 'en-US', demographics: { Age: 85 } },
  ],
};
const ACTION = {
  participant_import_id: 1,
  save_missing_categories: true,
  only_demographics: false,
  destroy_existing_demographics: false,
  destroy_unmatched_participants: false,
  skip_invalid: true,
  skip_duplicate_identity_matches: true,
};

/** A value for any place, as JSON text: some cannot be written as a value of JavaScript. */
const VALUES = [
  'null',
  'true',
  '-1',
  '0',
  '1.5',
  '1e400',
  '12345678901234567890',
  '""',
  '"\\u0000"',
  '"\\ud83d"',
  '"a\\nb"',
  '"__proto__"',
  '[]',
  '{}',
  '[[]]',
  '{"__proto__":1}',
  '{"constructor":{"prototype":[]}}',
  '{"":0,"a":null}',
  `"${'x'.repeat(5000)}"`,
  `${'['.repeat(400)}${']'.repeat(400)}`,
  `${'['.repeat(600)}${']'.repeat(600)}`,
  '01',
  '.5',
  'nul',
  '"\u{1F600}"',
  '{"a":1,"a":2}',
];
const QUERIES = [
  '',
  '?external_event_id=77',
  '?external_event_id=%00',
  '?participant_import_id=1',
  '?start=x',
  '?perPage=1e9',
  '?a[b]=1',
  '?external_event_id[]=77',
];
const PATHS = [
  '',
  '/',
  '/1',
  '/1/parser',
  '/1/export',
  '/lookup',
  '/0',
  '/%00',
  '/%ff',
  '/1.5',
  '/1/x',
  '/9007199254740993',
];

/** A seeded generator of numbers below 1 (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
const next = random(SEED);
const pick = <T>(values: readonly T[]): T => values[Math.floor(next() * values.length)] as T;

interface Sent {
  path: string;
  method: string;
  body?: string;
}

function mutated(): Sent {
  if (next() < 0.25) {
    const method = pick(['GET', 'GET', 'PUT', 'PATCH', 'OPTIONS', 'DELETE']);
    return {
      method,
      path: pick([IMPORTS, ACTIONS]) + (method === 'DELETE' ? '/999' : pick(PATHS)) + pick(QUERIES),
    };
  }
  const isImport = next() < 0.7;
  const text = JSON.stringify(isImport ? IMPORT : ACTION);
  const wrapped = next() < 0.2 ? `{"participant_import${isImport ? '' : '_action'}":${text}}` : text;
  return { method: 'POST', path: isImport ? IMPORTS : ACTIONS, body: broken(wrapped) };
}

/** The text with a value, a name or some bytes replaced. */
function broken(text: string): string {
  const at = Math.floor(next() * text.length);
  switch (pick(['value', 'value', 'value', 'name', 'cut', 'insert', 'none'])) {
    case 'value':
      return replaced(text, /(?<=:)(?:"[^"]*"|[\w.]+|\[.*\]|\{[^{}]*\})/g, pick(VALUES));
    case 'name':
      return replaced(
        text,
        /"\w+"(?=:)/g,
        pick(['"__proto__"', '"\\u0000"', '"x"', '"participants"', '""', '"\\ud83d"']),
      );
    case 'cut':
      return text.slice(0, at);
    case 'insert':
      return text.slice(0, at) + pick(['{', ']', '"', '\\', '\0', ',', ' ', ...VALUES]) + text.slice(at);
    default:
      return text;
  }
}

function replaced(text: string, pattern: RegExp, by: string): string {
  const found = pick([...text.matchAll(pattern)]);
  return text.slice(0, found.index) + by + text.slice(found.index + found[0].length);
}

test(`${REQUESTS} requests with random faults get no 5xx, and errors of the documented shape`, async () => {
  const requests = Array.from({ length: REQUESTS }, mutated);
  const statuses = new Map<number, number>();
  const sendAll = async () => {
    for (let sent = requests.pop(); sent; sent = requests.pop()) {
      const { path, method, body } = sent;
      const answer = await system.request(path, { method, ...(body !== undefined && { body }) });
      const what = `${method} ${path} ${body}: ${answer.status} ${JSON.stringify(answer.body)}`.slice(
        0,
        3000,
      );
      assert.ok(answer.status < 500, what);
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      if (answer.status < 400) continue;
      assert.deepEqual(Object.keys(answer.body), ['errors'], what);
      for (const { message } of answer.body.errors) assert.equal(typeof message, 'string', what);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sendAll));
  // The faults reach every kind of answer.
  for (const status of [200, 201, 400, 404, 405, 422])
    assert.ok(statuses.has(status), `${status} was answered`);
  assert.equal((await system.request('/healthz')).status, 200);
});
