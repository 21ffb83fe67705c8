/** The pages behind the invitation links, as people without a key open them. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { storedRows } from '../../http/stored-rows.ts';
import { startSystem } from '../../support/system.ts';

const system = await startSystem({ after });
const TOKEN = '0123456789abcdef0123456789abcdef';

/** Invites a contact to a new event, and returns the two links without their host. */
async function invite(contact: number, event = { id: 4, name: 'City <Run> & Walk' }) {
  const addContact = {
    id: contact,
    firstName: 'Ada',
    lastName: 'Lovelace',
    email: `c${contact}@example.com`,
  };
  const jobs = [
    [{ namespace: 'contact', action: 'addOrUpdateContact', params: addContact }],
    [{ namespace: 'event', action: 'addOrUpdateEvent', params: event }],
    [{ namespace: 'event', action: 'inviteContacts', params: { event: event.id, contacts: [contact] } }],
  ];
  let asyncId = '';
  for (const batch of jobs) {
    asyncId = await system.run(batch);
    await system.ended(asyncId);
  }
  const [{ response }] = await system.results(asyncId);
  const { inviteLinkYes, inviteLinkNo } = response.results[0];
  return { yes: new URL(inviteLinkYes).pathname, no: new URL(inviteLinkNo).pathname };
}

async function open(path: string, method = 'GET', init: RequestInit = {}) {
  const response = await fetch(`${system.url}${path}`, { method, ...init });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** The answer recorded for the contact. */
async function answerOf(contact: number): Promise<string> {
  const { rows } = await system.pool.query('select response from event.invitation where contact_id = $1', [
    contact,
  ]);
  return rows[0].response;
}

describe('invitation links', () => {
  test('an invitation link shows a page with a button that posts to the same address', async () => {
    const links = await invite(1);
    for (const [link, button] of [
      [links.yes, 'Yes, I am coming'],
      [links.no, 'No, I am not coming'],
    ] as const) {
      const { status, headers, text } = await open(link);
      assert.equal(status, 200);
      assert.equal(headers.get('content-type'), 'text/html; charset=utf-8');
      assert.equal(headers.get('cache-control'), 'no-store');
      assert.equal(
        headers.get('content-security-policy'),
        "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
      );
      assert.equal(headers.get('referrer-policy'), 'no-referrer');
      assert.ok(text.includes('<h1>City &lt;Run&gt; &amp; Walk</h1>'), text);
      assert.ok(text.includes(`<form method="post"><button>${button}</button></form>`), text);
      assert.doesNotMatch(text, /<script|action=|style|href|src=/);
    }
  });

  test('opening an invitation link changes and stores nothing', async () => {
    const { yes, no } = await invite(2);
    const rows = await storedRows(system.pool);
    for (const link of [yes, no, yes, no])
      for (const method of ['GET', 'HEAD']) assert.equal((await open(link, method)).status, 200);
    assert.equal(await answerOf(2), 'U');
    assert.deepEqual(await storedRows(system.pool), rows);
  });

  test('the button of an invitation link records the answer; the other link changes it, and its page shows so', async () => {
    const { yes, no } = await invite(3);
    for (const [link, answer, said] of [
      [yes, 'Y', 'you are coming'],
      [no, 'N', 'you are not coming'],
      [yes, 'Y', 'you are coming'],
    ] as const) {
      const form = { body: new URLSearchParams() };
      const { status, headers, text } = await open(link, 'POST', form);
      assert.equal(status, 200);
      assert.match(headers.get('content-type') ?? '', /^text\/html/);
      assert.equal(headers.get('cache-control'), 'no-store');
      assert.ok(text.includes(`Your answer is recorded: ${said}.`), text);
      assert.doesNotMatch(text, /<form/);
      assert.equal(await answerOf(3), answer);
      for (const page of [yes, no])
        assert.ok((await open(page)).text.includes(`You have answered that ${said}.`));
    }
  });

  test('repeating the same answer stores nothing', async () => {
    const { yes } = await invite(4);
    assert.equal((await open(yes, 'POST')).status, 200);
    const rows = await storedRows(system.pool);
    for (let time = 0; time < 3; time++) {
      const { status, text } = await open(yes, 'POST');
      assert.equal(status, 200);
      assert.match(text, /Your answer is recorded: you are coming/);
    }
    assert.deepEqual(await storedRows(system.pool), rows);
  });
});

describe('links without an invitation', () => {
  const paths = [
    `/event/invitations/default/${TOKEN}/yes`,
    `/event/invitations/nosuchtenant/${TOKEN}/no`,
    `/event/invitations/default/${TOKEN}0/yes`,
    `/event/invitations/default/${TOKEN}/maybe`,
    `/event/invitations/default/${TOKEN}/constructor`,
    '/event/invitations/default/%3Cscript%3Ealert(1)%3C%2Fscript%3E/yes',
    '/event/invitations/default/%00/yes',
  ];
  for (const path of paths)
    test(`the link ${path} is a page with 404`, async () => {
      const rows = await storedRows(system.pool);
      for (const method of ['GET', 'POST', 'HEAD']) {
        const { status, headers, text } = await open(path, method);
        assert.equal(status, 404, method);
        assert.match(headers.get('content-type') ?? '', /^text\/html/);
        if (method !== 'HEAD') assert.match(text, /There is no such invitation/);
        assert.doesNotMatch(text, /<script|<form/);
      }
      assert.deepEqual(await storedRows(system.pool), rows);
    });

  test('a link with the token of another tenant is a page with 404', async () => {
    const { yes } = await invite(5);
    const other = yes.replace('/default/', '/other/');
    assert.notEqual(other, yes);
    for (const method of ['GET', 'POST']) assert.equal((await open(other, method)).status, 404);
    assert.equal(await answerOf(5), 'U');
  });
});

describe('links that a mail program has cut off or continued', () => {
  const paths = [
    '/event/invitations/def',
    '/event/invitations/default/',
    `/event/invitations/default/${TOKEN.slice(0, 20)}`,
    `/event/invitations/default/${TOKEN}`,
    `/event/invitations/default/${TOKEN}/yes/more`,
  ];
  for (const path of paths)
    test(`the link ${path} is a page with 404`, async () => {
      const rows = await storedRows(system.pool);
      for (const method of ['GET', 'POST', 'PUT']) {
        const { status, headers, text } = await open(path, method);
        assert.equal(status, 404, method);
        assert.equal(headers.get('content-type'), 'text/html; charset=utf-8');
        assert.match(text, /There is no such invitation/);
      }
      assert.deepEqual(await storedRows(system.pool), rows);
    });
});

test('an invitation link answers other methods with a page that has 405 and Allow', async () => {
  const { yes } = await invite(7);
  for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    const { status, headers, text } = await open(yes, method);
    assert.equal(status, 405, method);
    assert.equal(headers.get('allow'), 'GET, HEAD, POST');
    assert.equal(headers.get('content-type'), 'text/html; charset=utf-8');
    assert.match(text, /Please open the link in a browser/);
  }
  assert.equal(await answerOf(7), 'U');
});

for (const path of ['/event/', '/event/invitations/', '/event/invitations/%E0%A4%A/x/yes'])
  test(`the incomplete or broken link ${path} is refused`, async () => {
    const { status } = await open(path);
    assert.ok([400, 401].includes(status), String(status));
  });

test('a link with an impossible tenant name is refused, and nothing is stored', async () => {
  const rows = await storedRows(system.pool);
  for (const tenant of ['a%20b%2F%C3%BC', 'a%00b', 'x'.repeat(64), '%'])
    assert.equal((await open(`/event/invitations/${tenant}/${TOKEN}/yes`)).status, 401);
  assert.deepEqual(await storedRows(system.pool), rows);
});

test('while answers cannot be recorded the page asks to try again', async (t) => {
  const { yes } = await invite(6);
  await system.pool.query('alter table event.invitation rename to gone');
  t.after(() => system.pool.query('alter table if exists event.gone rename to invitation'));
  for (const method of ['GET', 'POST']) {
    const { status, headers, text } = await open(yes, method);
    assert.equal(status, 503);
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.match(text, /Please try again/);
    assert.doesNotMatch(text, /relation|event\./);
  }
});
