/** The main use, as in its documentation: a batch invites contacts to an event, and they answer. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { stubLookup } from '../../outbound/loopback.ts';
import { type Answer, startSystem } from '../../support/system.ts';

// The callback's address belongs to another party, and a test must not reach it: here all names resolve to
// nothing.
const system = await startSystem({ after }, { lookup: stubLookup([]) });

const EXAMPLE =
  '{"jobs":[{"namespace":"event","action":"inviteContacts","params":{"event":1,"contacts":[1,2,3]}}],' +
  '"callbackUrl":"https://www.example.com/callback"}';

const rpc = (path: string, body: string): Promise<Answer> =>
  system.request(`/api/1.0/${path}`, { method: 'POST', body });

/** Opens a link as a browser does: without any key. */
async function openLink(
  link: string,
  method = 'GET',
): Promise<{ status: number; type: string | null; html: string }> {
  const response = await fetch(link, { method });
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    html: await response.text(),
  };
}

before(async () => {
  const people = [
    { id: 1, firstName: 'Ada', lastName: 'Lovelace', email: 'ada@example.com', phone: '+44 20 7946 0000' },
    { id: 2, firstName: 'Charles', lastName: 'Babbage', email: 'charles@example.com' },
    { id: 3, firstName: 'Mary', lastName: 'Somerville', email: 'mary@example.com' },
  ];
  const asyncId = await system.run([
    { namespace: 'event', action: 'addOrUpdateEvent', params: { id: 1, name: 'Tea' } },
    ...people.map((params) => ({ namespace: 'contact', action: 'addOrUpdateContact', params })),
  ]);
  assert.equal((await system.ended(asyncId)).counts.succeeded, 4);
});

describe('the example request of the documentation', () => {
  let asyncId: string;
  let invited: { contact: number; status: boolean; inviteLinkYes: string; inviteLinkNo: string }[];

  test('run returns an asyncId of 32 lower-case hex digits', async () => {
    const { status, headers, body } = await rpc('batch?action=run', EXAMPLE);
    assert.equal(status, 200);
    assert.match(headers.get('content-type') ?? '', /^application\/json/);
    asyncId = body.asyncId;
    assert.deepEqual(body, { asyncId });
    assert.match(asyncId, /^[0-9a-f]{32}$/);
  });

  test('progress reaches 100', async () => {
    await system.ended(asyncId);
    const { status, body } = await rpc('batch?action=progress', JSON.stringify({ async: asyncId }));
    assert.equal(status, 200);
    assert.equal(body.progress, 100);
  });

  test('results name each call, its request and its response', async () => {
    const { status, body } = await rpc('batch?action=results', JSON.stringify({ async: asyncId }));
    assert.equal(status, 200);
    assert.equal(body.asyncId, asyncId);
    assert.equal(body.results.length, 1);
    const [{ namespace, action, request, response }] = body.results;
    assert.deepEqual(
      { namespace, action, request },
      { namespace: 'event', action: 'inviteContacts', request: { event: 1, contacts: [1, 2, 3] } },
    );
    assert.deepEqual(Object.keys(response), ['results']);
    invited = response.results;
    assert.deepEqual(
      invited.map(({ contact, status: wasInvited }) => ({ contact, wasInvited })),
      [1, 2, 3].map((contact) => ({ contact, wasInvited: true })),
    );
    for (const one of invited) {
      assert.deepEqual(Object.keys(one), ['contact', 'status', 'inviteLinkYes', 'inviteLinkNo']);
      assert.ok(one.inviteLinkYes.startsWith(`${system.url}/`), one.inviteLinkYes);
      assert.ok(one.inviteLinkNo.startsWith(`${system.url}/`), one.inviteLinkNo);
    }
    const links = invited.flatMap((one) => [one.inviteLinkYes, one.inviteLinkNo]);
    assert.equal(new Set(links).size, 6);
  });

  test('contacts that are already invited or unknown have a false status with the reason', async () => {
    const { status, body } = await rpc('event?action=inviteContacts', '{"event":1,"contacts":[2,4]}');
    assert.equal(status, 200);
    assert.deepEqual(body, {
      results: [
        { contact: 2, status: false, reason: 'already invited' },
        { contact: 4, status: false, reason: 'unknown' },
      ],
    });
  });

  test('the buttons behind the links record the answers of the contacts, and changes', async () => {
    const [ada, charles] = invited;
    for (const link of [ada?.inviteLinkNo, ada?.inviteLinkYes, charles?.inviteLinkNo]) {
      assert.match((await openLink(link ?? '')).html, /<form method="post">/);
      const { status, type, html } = await openLink(link ?? '', 'POST');
      assert.equal(status, 200);
      assert.match(type ?? '', /^text\/html/);
      assert.match(html, /Your answer is recorded/);
    }
    const wrong = await openLink((ada?.inviteLinkYes ?? '').replace(/[0-9a-f]{32}/, '0'.repeat(32)));
    assert.equal(wrong.status, 404);
  });

  test('the list of invited contacts shows the answers, in pages', async () => {
    const list = (start: number) =>
      rpc('event?action=getInvitedContactList', `{"eventId":1,"start":${start},"perPage":2}`);
    const first = await list(0);
    assert.equal(first.status, 200);
    assert.deepEqual(first.body.meta, { totalResults: 3, start: 0, perPage: 2, count: 2 });
    const [{ modifiedDate, ...ada }, charles] = first.body.results;
    assert.deepEqual(ada, {
      eventId: 1,
      contactId: 1,
      firstName: 'Ada',
      lastName: 'Lovelace',
      email: 'ada@example.com',
      phone: '+44 20 7946 0000',
      response: 'Y',
      registrationId: null,
    });
    assert.match(modifiedDate, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/);
    assert.equal(charles.contactId, 2);
    assert.equal(charles.response, 'N');
    const second = await list(2);
    assert.deepEqual(second.body.meta, { totalResults: 3, start: 2, perPage: 2, count: 1 });
    assert.equal(second.body.results[0].contactId, 3);
    assert.equal(second.body.results[0].response, 'U');
  });

  test('restart has nothing to do, and repost sends the callback again', async () => {
    const body = JSON.stringify({ async: asyncId });
    assert.deepEqual((await rpc('batch?action=restart', body)).body, { restarted: false });
    assert.deepEqual((await rpc('batch?action=repost', body)).body, { reposted: true });
  });
});

test('an invalid parameter is reported in the form of the documentation', async () => {
  const { status, body } = await rpc('event?action=inviteContacts', '{"event":"4","contacts":[1]}');
  assert.equal(status, 400);
  assert.deepEqual(body, {
    errorCode: 400,
    message: "'event' does not validate",
    specificCode: 23016,
    additionalMessages: ['params.event must be integer'],
  });
});

test('an unknown event fails the call, not the request', async () => {
  const asyncId = await system.run([
    { namespace: 'event', action: 'inviteContacts', params: { event: 9, contacts: [1] } },
  ]);
  assert.equal((await system.ended(asyncId)).state, 'completed');
  const [{ status, response }] = await system.results(asyncId);
  assert.equal(status, 'failed');
  assert.equal(typeof response.errorCode, 'number');
  assert.equal(typeof response.message, 'string');
});
