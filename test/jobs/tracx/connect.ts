/** A client of Tracx Connect for the tests, written from its documentation. */
import assert from 'node:assert/strict';
import type { Json } from '../../support/json.ts';
import type { Answer, System } from '../../support/system.ts';

export interface ConnectToken {
  id: string;
  key: string;
}

/** The documented example of a participant, without `race_id`, which is the test's. */
export const DOCUMENTED = {
  unique_id: '1',
  first_name: 'John',
  last_name: 'Doe',
  date_of_birth: '2001-01-01',
  country_code: 'nl',
  team_name: null,
  start_number: '1',
  chip_code: '0000001',
  gender: 'male',
  state: 'before',
};

export function connectTo(system: Pick<System, 'url' | 'request'>) {
  /** A request to a path below `/v1/connect`; an object is sent as JSON, without its Content-Type. */
  async function ask(
    method: string,
    path: string,
    { token, body, headers }: { token?: string; body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    return system.request(`/v1/connect${path}`, {
      method,
      // An empty Authorization is as good as none, and the system would else send the admin key.
      headers: { authorization: token ?? '', ...headers },
      ...(body === undefined ? {} : { body: asBody(body) }),
    });
  }

  const connect = {
    ask,
    get: (path: string, token: string) => ask('GET', path, { token }),
    post: (path: string, token: string, body?: unknown) => ask('POST', path, { token, body }),

    /** A connect token: an API key with these permissions. */
    async connectToken(permissions: string[], more: object = {}): Promise<ConnectToken> {
      const body = JSON.stringify({ name: 'connect', permissions, ...more });
      const made = await system.request('/v1/keys', { method: 'POST', body });
      assert.equal(made.status, 201, JSON.stringify(made.body));
      return made.body;
    },

    async sessionToken(permissions: string[], more: object = {}): Promise<string> {
      const { key } = await connect.connectToken(permissions, more);
      return (await connect.post('/session-token', key)).body.data.token;
    },

    /**
     * Adds an event; returns its id and those of its races.
     *
     * @param headers other than those of the admin key
     */
    async addEvent(
      name = 'City Run',
      races = ['10 km', '5 km'],
      headers: Record<string, string> = {},
    ): Promise<{ id: number; races: [number, ...number[]] }> {
      const body = JSON.stringify({ name, races: races.map((race) => ({ name: race })) });
      const path = '/api/1.0/event?action=addOrUpdateEvent';
      const added = await system.request(path, { method: 'POST', body, headers });
      assert.equal(added.status, 200, JSON.stringify(added.body));
      return { id: added.body.id, races: added.body.races.map(({ id }: Json) => id) };
    },
  };
  return connect;
}

function asBody(body: unknown): string | Uint8Array<ArrayBuffer> {
  if (typeof body === 'string') return body;
  return body instanceof Uint8Array ? Uint8Array.from(body) : JSON.stringify(body);
}

/** Checks an error answer: its status and its form, with nothing else in it. */
export function assertRefused({ status, body }: Answer, expected: number, message: string | RegExp): void {
  assert.equal(status, expected, JSON.stringify(body));
  assert.deepEqual(Object.keys(body), ['data']);
  assert.deepEqual(Object.keys(body.data), ['error', 'success', 'message', 'errors']);
  assert.deepEqual([body.data.error, body.data.success], [true, false]);
  if (typeof message === 'string') assert.equal(body.data.message, message);
  else assert.match(body.data.message, message);
  if (expected !== 422) assert.deepEqual(body.data.errors, []);
}

/** Checks that exactly these fields of a request are named as wrong. */
export function assertInvalid(answer: Answer, errors: Json[]): void {
  assertRefused(answer, 422, 'One or more fields are invalid');
  assert.deepEqual(answer.body.data.errors, errors);
}
