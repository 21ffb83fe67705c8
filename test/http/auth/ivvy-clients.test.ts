/**
 * iVvy's own clients, byte for byte: requests as its .NET client (HttpClient) and its JavaScript client
 * (superagent) send them, over a raw socket.
 */

import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import net from 'node:net';
import { after, describe, test } from 'node:test';
import type { Json } from '../../support/json.ts';
import { makeSigningKey } from '../../support/signed.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';

const system = await startSystem({ after }, { env: { SECRET_KEY: 'the secret key of these tests: 32 +' } });
const { key, secret } = await makeSigningKey(system, {
  permissions: ['test.*', 'rpc.*', 'event.*', 'contact.*'],
});
const { host, hostname, port } = new URL(system.url);

const md5 = (text: string) => createHash('md5').update(text).digest('hex');
const hmac = (text: string) => createHmac('sha1', secret).update(text.toLowerCase()).digest('hex');
const timestamp = (seconds = 0) =>
  new Date(Date.now() + seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');

interface Call {
  namespace: string;
  action: string;
  /** Undefined when the client sends no body. */
  params?: object;
  /** Sent in place of the signed body. */
  sent?: string;
  /** The offset of the client's clock. */
  seconds?: number;
}

/** The head without its last empty line, and the body. */
type Client = (call: Call) => { head: string[]; body: string };

/**
 * Its version is signed and not sent; its date ends with UTC; a call without parameters has an empty body.
 */
const dotNet: Client = ({ namespace, action, params, sent, seconds }) => {
  const body = params === undefined ? '' : JSON.stringify(params);
  const path = `/api/1.0/${namespace}?action=${action}`;
  const type = 'application/json; charset=utf-8';
  const date = `${timestamp(seconds)} UTC`;
  const signature = hmac(`POST${md5(body)}${type}${path}1.0IVVYDate=${date}`);
  return {
    head: [
      `POST ${path} HTTP/1.1`,
      `Host: ${host}`,
      `Content-Type: ${type}`,
      `Content-MD5: ${md5(body)}`,
      `IVVY-Date: ${date}`,
      `X-Api-Authorization: IWS ${key}:${signature}`,
      `Content-Length: ${Buffer.byteLength(sent ?? body)}`,
    ],
    body: sent ?? body,
  };
};

const javaScript: Client = ({ namespace, action, params, sent, seconds }) => {
  const body = params === undefined ? '' : JSON.stringify(params);
  const path = `/api/1.0/${namespace}?action=${action}`;
  const date = timestamp(seconds);
  const signature = hmac(`POST${md5(body)}application/json${path}1.0ivvydate=${date}`);
  return {
    head: [
      `POST ${path} HTTP/1.1`,
      `Host: ${host}`,
      'Accept-Encoding: gzip, deflate',
      'User-Agent: node-superagent/3.8.2',
      'Content-Type: application/json',
      `Content-MD5: ${md5(body)}`,
      `IVVY-Date: ${date}`,
      'X-Api-Version: 1.0',
      `X-Api-Authorization: IWS ${key}:${signature}`,
      `Content-Length: ${Buffer.byteLength(sent ?? body)}`,
      'Connection: close',
    ],
    body: sent ?? body,
  };
};

async function exchange({ head, body }: ReturnType<Client>): Promise<{ status: number; body: unknown }> {
  const socket = net.connect({ host: hostname, port: Number(port) });
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  let text = '';
  socket.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  const answered = await waitFor(async () => bodyOf(text), { what: 'the answer' });
  socket.destroy();
  const [, status = ''] = /^HTTP\/1\.1 (\d{3})/.exec(text) ?? [];
  return { status: Number(status), body: JSON.parse(answered) };
}

/** The body of a complete answer, chunked or not. */
function bodyOf(answered: string): string | undefined {
  const end = answered.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const body = answered.slice(end + 4);
  const [, length] = /\r\ncontent-length: (\d+)/i.exec(answered) ?? [];
  if (length !== undefined) return Buffer.byteLength(body) >= Number(length) ? body : undefined;
  return body.endsWith('\r\n0\r\n\r\n') ? body.replaceAll(/(^|\r\n)[0-9a-f]+\r\n(\r\n)?/g, '') : undefined;
}

async function answer(client: Client, call: Call): Promise<Json> {
  const { status, body } = await exchange(client(call));
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

async function batchCount(): Promise<number> {
  const { rows } = await system.pool.query('select count(*)::int as count from batchwright.batch');
  return rows[0].count;
}

for (const [name, client] of Object.entries({ '.NET': dotNet, JavaScript: javaScript }))
  describe(`iVvy's ${name} client, unchanged`, () => {
    const batch = (action: string, params: object) => answer(client, { namespace: 'batch', action, params });
    const echo = { namespace: 'test', action: 'echo', params: { name: 'Zoë', n: 1 } };
    const refuse = { namespace: 'rpc', action: 'refuse', params: { message: 'no' } };

    test('an iVvy client pings with an empty body and gets the time', async () => {
      const { ack } = await answer(client, { namespace: 'test', action: 'ping' });
      assert.match(ack, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/);
      assert.ok(Math.abs(Date.parse(`${ack.slice(0, 19).replace(' ', 'T')}Z`) - Date.now()) < 60_000);
    });

    test('an iVvy client runs a batch, follows its progress, reads its results, restarts and reposts it', async () => {
      const callbackUrl = `http://127.0.0.1:${port}/healthz`;
      const { asyncId } = await batch('run', { jobs: [echo, refuse], callbackUrl });
      assert.match(asyncId, /^[0-9a-f]{32}$/);
      const end = () =>
        waitFor(async () => (await batch('progress', { async: asyncId })).progress === 100, {
          what: 'the end of the batch',
        });
      await end();
      const { results, ...rest } = await batch('results', { async: asyncId });
      assert.equal(rest.asyncId, asyncId);
      assert.deepEqual(
        results.map(({ namespace, action, request }: typeof echo & { request: object }) => ({
          namespace,
          action,
          params: request,
        })),
        [echo, refuse],
      );
      assert.deepEqual(await batch('restart', { async: asyncId }), { restarted: true });
      await end();
      assert.deepEqual(await batch('repost', { async: asyncId }), { reposted: true });
    });

    test('an iVvy client calls a single action', async () => {
      const call = { namespace: 'test', action: 'echo', params: { n: 1, a: 'ä "quoted" €', x: [null] } };
      assert.deepEqual(await answer(client, call), call.params);
    });

    test('an iVvy client gets iVvy’s own error for a stale request', async () => {
      for (const seconds of [-310, 360])
        assert.deepEqual(await exchange(client({ namespace: 'test', action: 'ping', seconds })), {
          status: 401,
          body: { errorCode: 401, message: 'Request is stale', specificCode: 23005 },
        });
    });

    test('an iVvy client is refused, and nothing stored, when the body differs from the signed one', async () => {
      const before = await batchCount();
      const params = { jobs: [echo] };
      const sent = JSON.stringify(params).replace('1', '2');
      assert.deepEqual(await exchange(client({ namespace: 'batch', action: 'run', params, sent })), {
        status: 401,
        body: { errorCode: 401, message: 'Content-MD5 is not the MD5 of the body in hex' },
      });
      const added = await exchange(client({ namespace: 'test', action: 'ping', sent: '{}' }));
      assert.equal(added.status, 401);
      assert.equal(await batchCount(), before);
    });

    test('an iVvy client may send the same bytes again within 5 minutes', async () => {
      const request = client({ namespace: 'test', action: 'echo', params: { n: 1 } });
      for (let time = 0; time < 2; time++)
        assert.deepEqual(await exchange(request), { status: 200, body: { n: 1 } });
    });

    test('an iVvy client with a wrong secret gets the string to sign', async () => {
      const { head, body } = client({ namespace: 'test', action: 'ping' });
      const forged = head.map((line) => line.replace(/[0-9a-f]{40}$/, '0'.repeat(40)));
      const refused = (await exchange({ head: forged, body })) as {
        status: number;
        body: { message: string };
      };
      assert.equal(refused.status, 401);
      assert.equal(refused.body.message, 'The signature is not that of the request');
      assert.match(JSON.stringify(refused.body), /post[0-9a-f]{32}application\/json.*ping1\.0ivvydate=/);
    });
  });

describe('the calls of iVvy’s clients for events and contacts', () => {
  const call = (client: Client, namespace: string, action: string, params: object) =>
    answer(client, { namespace, action, params });

  test('the .NET client adds, reads, changes and lists contacts', async () => {
    // Its members of a contact that are never null.
    const always = { updateIfExists: false, isAnonymised: false };
    const contact = { firstName: 'Zoë', lastName: 'Smith', email: 'zoe@example.com', status: 1 };
    const { id } = await call(dotNet, 'contact', 'addOrUpdateContact', { ...contact, ...always });
    const { createdDate, ...read } = await call(dotNet, 'contact', 'getContact', { id });
    assert.deepEqual(read, { id, ...contact, phone: null, externalId: null, modifiedDate: createdDate });

    // What it read, with the id as text, without nulls.
    const { phone: _, externalId: __, ...known } = read;
    const changed = {
      ...known,
      id: String(id),
      createdDate,
      phone: '1346789798',
      externalId: 'x',
      ...always,
    };
    assert.deepEqual(await call(dotNet, 'contact', 'addOrUpdateContact', changed), { id });
    const filter = { firstName__BEGINS: 'zo', fromModifiedDate: createdDate };
    const { meta, results } = await call(dotNet, 'contact', 'getContactList', {
      perPage: 2,
      start: 0,
      filter,
    });
    assert.deepEqual(meta, { totalResults: 1, start: 0, perPage: 2, count: 1 });
    assert.equal(results[0].phone, '1346789798');
  });

  test('the JavaScript client adds an event, and both clients list it', async () => {
    const event = { title: 'A New Event', startDateTime: '2018-03-05 03:00:00 UTC' };
    const { success, id, code } = await call(javaScript, 'event', 'addOrUpdateEvent', event);
    assert.equal(success, true);
    const page = { perPage: 10, start: 0 };
    const lists = [
      await call(javaScript, 'event', 'getEventList', page),
      await call(dotNet, 'event', 'getEventList', {
        ...page,
        includeVenueDetails: false,
        includeTicketDetails: false,
        includeInformationDetails: false,
        includeHomepageContent: false,
        filter: {},
      }),
    ];
    for (const { meta, results } of lists) {
      assert.deepEqual(meta, { totalResults: 1, start: 0, perPage: 10, count: 1 });
      assert.equal(results[0].code, code);
    }
    assert.deepEqual(await call(dotNet, 'event', 'getEvent', { id }), lists[0].results[0]);
    const invited = await call(dotNet, 'event', 'getInvitedContactList', { eventId: id, ...page });
    assert.deepEqual(invited.results, []);
    const contacts = await call(javaScript, 'contact', 'getContactList', {
      ...page,
      filter: { email: 'nobody' },
    });
    assert.equal(contacts.meta.totalResults, 0);
  });
});
