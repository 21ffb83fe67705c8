import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import addOrUpdateContact from '../../../jobs/contact/addOrUpdateContact.ts';
import addOrUpdateEvent from '../../../jobs/event/addOrUpdateEvent.ts';
import inviteContacts from '../../../jobs/event/inviteContacts.ts';
import { createMailer } from '../../../src/outbound/mail.ts';
import { NonRetryableError } from '../../../src/plugin/errors.ts';
import { type ActionRun, runAction, runActionMany } from '../../support/action-context.ts';
import { createDatabase } from '../../support/database.ts';
import { startSmtpServer } from '../../support/smtp-server.ts';

const { pool } = await createDatabase({ after });

interface Answer {
  results: { contact: number; status: boolean; inviteLinkYes: string; inviteLinkNo: string }[];
}

/** A mail server, and an event with contacts from 1 to `contacts` in a tenant of its own. */
async function setUp(t: TestContext, tenant: string, contacts: number) {
  const server = await startSmtpServer(t);
  const mailer = createMailer(server.url);
  t.after(() => mailer.close());
  await runAction(pool, addOrUpdateEvent, { id: 1, name: 'Straßenlauf' }, { tenant });
  const ids = Array.from({ length: contacts }, (_, n) => n + 1);
  const people = ids.map((id) => ({
    id,
    firstName: 'Zoë',
    lastName: 'Doe',
    email: `c${id}@example.com`,
  }));
  await runActionMany(pool, addOrUpdateContact, people, { tenant });
  const invite = (run: ActionRun = {}) =>
    runAction(
      pool,
      inviteContacts,
      { event: 1, contacts: ids },
      { tenant, idempotencyKey: 'job-1', services: { mail: mailer.send }, ...run },
    ) as Promise<Answer>;
  const recipients = () => server.mails.flatMap(({ to }) => to).toSorted();
  return { server, invite, recipients, ids };
}

/** The text of a mail, decoded from quoted-printable. */
function textOf(raw: string): string {
  const body = raw.slice(raw.indexOf('\r\n\r\n') + 4).replaceAll('=\r\n', '');
  const bytes = body.replaceAll(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

test('an invitation is mailed with both links', async (t) => {
  const { server, invite } = await setUp(t, 'mailed', 1);
  const progress: [number, number][] = [];
  const { results } = await invite({ progress });
  assert.equal(server.mails.length, 1);
  assert.deepEqual(server.mails[0]?.to, ['c1@example.com']);
  const text = textOf(server.mails[0]?.raw ?? '');
  assert.match(text, /Dear Zoë Doe,/);
  assert.match(text, /you are invited to Straßenlauf\./);
  assert.ok(text.includes(`Yes, I am coming: ${results[0]?.inviteLinkYes}\r\n`));
  assert.ok(text.includes(`No, I am not coming: ${results[0]?.inviteLinkNo}\r\n`));
  assert.deepEqual(progress, [[1, 1]]);
});

test('the Message-ID does not reveal the token', async (t) => {
  const { server, invite } = await setUp(t, 'message-id', 1);
  const { results } = await invite();
  const token = results[0]?.inviteLinkYes.split('/').at(-2) ?? '';
  const id = /^Message-ID: <(.+)>\r$/m.exec(server.mails[0]?.raw ?? '')?.[1] ?? '';
  assert.match(id, /^[0-9a-f]{32}@127\.0\.0\.1$/);
  assert.ok(!id.includes(token));
});

test('when the server refuses at first, the next run mails once and returns the same links', async (t) => {
  const { server, invite } = await setUp(t, 'refused', 1);
  server.refuseAll = true;
  await assert.rejects(invite(), (error: unknown) => {
    assert.ok(error instanceof Error && !(error instanceof NonRetryableError));
    assert.match(error.message, /^1 of 1 invitations were not mailed: .*451/);
    return true;
  });
  const { rows } = await pool.query("select token, mailed_at from event.invitation where tenant = 'refused'");
  assert.equal(rows.length, 1);
  assert.equal(rows[0].mailed_at, null);

  server.refuseAll = false;
  const { results } = await invite({ attempt: 2 });
  assert.ok(results[0]?.inviteLinkYes.includes(rows[0].token));
  assert.equal(server.mails.length, 1);
});

test('a run after an interruption does not mail sent invitations again', async (t) => {
  const { server, invite, recipients } = await setUp(t, 'partly', 3);
  server.refused.set('c2@example.com', 451);
  await assert.rejects(invite(), /^Error: 1 of 3 invitations were not mailed/);
  assert.deepEqual(recipients(), ['c1@example.com', 'c3@example.com']);

  server.refused.clear();
  const { results } = await invite({ attempt: 2 });
  assert.deepEqual(recipients(), ['c1@example.com', 'c2@example.com', 'c3@example.com']);
  assert.deepEqual(
    results.map(({ status }) => status),
    [true, true, true],
  );
});

test('a run after all mails were sent sends none', async (t) => {
  const { server, invite } = await setUp(t, 'done', 2);
  const first = await invite();
  assert.deepEqual(await invite({ attempt: 2 }), first);
  assert.equal(server.mails.length, 2);
});

test('another job does not mail contacts that are already invited', async (t) => {
  const { server, invite } = await setUp(t, 'other-job', 2);
  await invite();
  const { results } = await invite({ idempotencyKey: 'job-2' });
  assert.deepEqual(
    results.map(({ status }) => status),
    [false, false],
  );
  assert.equal(server.mails.length, 2);
});

test('a contact who opts out before the mail could be sent gets none', async (t) => {
  const { server, invite, recipients } = await setUp(t, 'opts-out', 2);
  server.refuseAll = true;
  await assert.rejects(invite());
  await runAction(
    pool,
    addOrUpdateContact,
    { id: 1, firstName: 'Zoë', lastName: 'Doe', email: 'c1@example.com', status: 2 as const },
    { tenant: 'opts-out' },
  );
  server.refuseAll = false;
  await invite({ attempt: 2 });
  assert.deepEqual(recipients(), ['c2@example.com']);
});

test('a bad address does not delay the other mails', async (t) => {
  const { server, invite, recipients, ids } = await setUp(t, 'bad-address', 60);
  server.refused.set('c1@example.com', 550);
  await assert.rejects(invite(), /1 of 60 invitations were not mailed/);
  assert.equal(recipients().length, ids.length - 1);
});

test('many bad addresses do not delay the others while the server takes mails in between', async (t) => {
  const { server, invite, recipients, ids } = await setUp(t, 'bad-addresses', 60);
  const good = ids.filter((id) => id % 2 === 0).map((id) => `c${id}@example.com`);
  for (const id of ids) if (id % 2 === 1) server.refused.set(`c${id}@example.com`, 550);
  await assert.rejects(invite(), /30 of 60 invitations were not mailed/);
  assert.deepEqual(recipients(), good.toSorted());
});

test('a server that refuses every mail does not get all of them', async (t) => {
  const { server, invite } = await setUp(t, 'down', 200);
  let asked = 0;
  const mail = async () => {
    asked += 1;
    throw new Error('down');
  };
  await assert.rejects(
    invite({ services: { mail } }),
    /^Error: 200 of 200 invitations were not mailed: down/,
  );
  assert.ok(asked < 20, `${asked} mails tried`);
  await invite({ attempt: 2 });
  assert.equal(server.mails.length, 200);
});

test('an aborted run stops, and the next one mails the rest', async (t) => {
  const { server, invite, recipients, ids } = await setUp(t, 'aborted', 40);
  const abort = new AbortController();
  const progress = {
    push: ([done]: [number, number]) => done === 10 && abort.abort(new Error('time is up')),
  } as unknown as [number, number][];
  await assert.rejects(invite({ signal: abort.signal, progress }), /time is up/);
  assert.ok(server.mails.length >= 10 && server.mails.length < 20, `${server.mails.length} mails`);
  await invite({ attempt: 2 });
  assert.equal(recipients().length, ids.length);
  assert.equal(new Set(recipients()).size, ids.length);
});
