import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type InviteContacts, params } from '#schemas/event/inviteContacts.ts';
import addOrUpdateContact from '../../../jobs/contact/addOrUpdateContact.ts';
import addOrUpdateEvent from '../../../jobs/event/addOrUpdateEvent.ts';
import inviteContacts from '../../../jobs/event/inviteContacts.ts';
import { NonRetryableError } from '../../../src/plugin/errors.ts';
import { type ActionRun, runAction, runActionMany } from '../../support/action-context.ts';
import { createDatabase } from '../../support/database.ts';
import { testSchema } from '../../support/schema-table.ts';
import { waitFor } from '../../support/wait.ts';

const { pool } = await createDatabase({ after });

testSchema(params, {
  base: { event: 1, contacts: [1, 2] },
  required: ['event', 'contacts'],
  members: {
    event: { good: [1], bad: [0, 1.5, '1', null] },
    contacts: {
      good: [[], [3, 1, 3], Array.from({ length: 2000 }, (_, n) => n + 1)],
      bad: [null, 1, ['1'], [0], [1.5], [null], Array(2001).fill(1)],
    },
  },
});

interface Result {
  contact: number;
  status: boolean;
  inviteLinkYes?: string;
  inviteLinkNo?: string;
  reason?: string;
}

/** An event and three contacts, 1 to 3, the last of them opted out, in a tenant of its own. */
async function setUp(tenant: string) {
  await runAction(pool, addOrUpdateEvent, { id: 1, name: 'City Run' }, { tenant });
  const contact = (id: number, status: 1 | 2 = 1) => ({
    id,
    firstName: 'Ada',
    lastName: 'Lovelace',
    email: `c${id}@example.com`,
    status,
  });
  await runActionMany(pool, addOrUpdateContact, [contact(1), contact(2), contact(3, 2)], { tenant });
  return async (contacts: InviteContacts['contacts'], run: ActionRun = {}): Promise<Result[]> => {
    const answer = await runAction(pool, inviteContacts, { event: 1, contacts }, { tenant, ...run });
    return (answer as { results: Result[] }).results;
  };
}

function statuses(results: Result[]): [number, boolean][] {
  return results.map(({ contact, status }) => [contact, status]);
}

test('contacts are invited and answered in the order of the request', async () => {
  const invite = await setUp('order');
  const results = await invite([2, 99, 1]);
  assert.deepEqual(statuses(results), [
    [2, true],
    [99, false],
    [1, true],
  ]);
  assert.deepEqual(results[1], { contact: 99, status: false, reason: 'unknown' });
  const tokens = [results[0], results[2]].map((result) => {
    const link = /^http:\/\/127\.0\.0\.1:3000\/event\/invitations\/order\/([0-9a-f]{32})\/yes$/;
    const token = link.exec(result?.inviteLinkYes ?? '')?.[1];
    assert.ok(token, result?.inviteLinkYes);
    assert.equal(result?.inviteLinkNo, result?.inviteLinkYes?.replace(/yes$/, 'no'));
    return token;
  });
  assert.notEqual(tokens[0], tokens[1]);
});

test('links begin with the public address and escape the tenant', async () => {
  const invite = await setUp('a b/ü');
  const [result] = await invite([1], {
    services: { publicUrl: 'https://run.example.com/api' },
  });
  assert.match(
    result?.inviteLinkYes ?? '',
    /^https:\/\/run\.example\.com\/api\/event\/invitations\/a%20b%2F%C3%BC\/[0-9a-f]{32}\/yes$/,
  );
});

test('a contact who has opted out is not invited', async () => {
  const invite = await setUp('opted-out');
  assert.deepEqual(await invite([3]), [{ contact: 3, status: false, reason: 'opted out' }]);
});

test('another tenant’s contact is unknown', async () => {
  await setUp('theirs');
  await runAction(pool, addOrUpdateEvent, { id: 1, name: 'City Run' }, { tenant: 'empty' });
  const answer = await runAction(pool, inviteContacts, { event: 1, contacts: [1] }, { tenant: 'empty' });
  assert.deepEqual(answer, { results: [{ contact: 1, status: false, reason: 'unknown' }] });
});

test('a contact invited by another job is not invited again, except to another event', async () => {
  const invite = await setUp('again');
  await invite([1]);
  const [refused, invited] = await invite([1, 2]);
  assert.deepEqual(refused, { contact: 1, status: false, reason: 'already invited' });
  assert.equal(invited?.status, true);
  assert.ok(invited !== undefined && !('reason' in invited));
  await runAction(pool, addOrUpdateEvent, { id: 2, name: 'Walk' }, { tenant: 'again' });
  const other = await runAction(pool, inviteContacts, { event: 2, contacts: [1] }, { tenant: 'again' });
  assert.equal((other as { results: Result[] }).results[0]?.status, true);
});

test('a contact named twice in a request is invited once', async () => {
  const invite = await setUp('twice');
  const results = await invite([1, 2, 1]);
  assert.deepEqual(statuses(results), [
    [1, true],
    [2, true],
    [1, false],
  ]);
  assert.equal(results[2]?.reason, 'already invited');
  const [, repeated] = await invite([3, 3]);
  assert.equal(repeated?.reason, 'opted out');
  const [, again] = await invite([99, 99]);
  assert.equal(again?.reason, 'unknown');
});

test('a contact who was invited and has opted out since is reported as opted out', async () => {
  const tenant = 'opted-out-since';
  const invite = await setUp(tenant);
  await invite([1]);
  const gone = { id: 1, firstName: 'Ada', lastName: 'Lovelace', email: 'a@example.com', status: 2 as const };
  await runActionMany(pool, addOrUpdateContact, [gone], { tenant });
  assert.deepEqual(await invite([1]), [{ contact: 1, status: false, reason: 'opted out' }]);
});

test('a further run of the same job returns the same links', async () => {
  const invite = await setUp('rerun');
  const first = await invite([2, 1, 3], { idempotencyKey: 'job-7' });
  assert.deepEqual(await invite([2, 1, 3], { idempotencyKey: 'job-7', attempt: 2 }), first);
});

test('of two concurrent jobs for the same contacts one invites each contact', async () => {
  const invite = await setUp('race');
  const contacts = Array.from({ length: 300 }, (_, n) => n + 10);
  const many = contacts.map((id) => ({ id, firstName: 'A', lastName: 'B', email: 'a@example.com' }));
  await runActionMany(pool, addOrUpdateContact, many, { tenant: 'race' });
  const [one, two] = await Promise.all([invite(contacts), invite(contacts.toReversed())]);
  const invited = [...one, ...two].filter(({ status }) => status).map(({ contact }) => contact);
  assert.deepEqual(
    invited.toSorted((a, b) => a - b),
    contacts,
  );
});

test('two jobs that invite the same contacts in opposite orders do not deadlock', async () => {
  const tenant = 'ring';
  const invite = await setUp(tenant);
  // With so many contacts Postgres looks up each requested one, in the order of the request.
  const many = Array.from({ length: 5000 }, (_, n) => ({
    id: n + 10,
    firstName: 'A',
    lastName: 'B',
    email: 'a@example.com',
  }));
  await runActionMany(pool, addOrUpdateContact, many, { tenant });
  await pool.query('analyze contact.contact');
  const [first, middle, last] = [1010, 2010, 3010] as const;
  const blocker = await pool.connect();
  await blocker.query('begin');
  await blocker.query(
    `insert into event.invitation (tenant, event_id, contact_id, token, job_key) values ($1, 1, $2, 'held', 'held')`,
    [tenant, middle],
  );
  const waiting = (count: number) =>
    waitFor(
      async () => {
        const { rowCount } = await pool.query(
          `select from pg_stat_activity
           where datname = current_database() and wait_event_type = 'Lock' and query like 'insert into event.invitation%'`,
        );
        return rowCount === count;
      },
      { what: `${count} jobs that wait for an invitation` },
    );
  const one = invite([first, middle, last]);
  await waiting(1);
  const two = invite([last, middle, first]);
  await waiting(2);
  await blocker.query('rollback');
  blocker.release();
  const [invited, refused] = await Promise.all([one, two]);
  assert.deepEqual(statuses(invited), [
    [first, true],
    [middle, true],
    [last, true],
  ]);
  assert.deepEqual(statuses(refused), [
    [last, false],
    [middle, false],
    [first, false],
  ]);
});

test('an empty list of contacts invites none', async () => {
  const invite = await setUp('nobody');
  assert.deepEqual(await invite([]), []);
});

test('an unknown event fails the job for good', async () => {
  await setUp('unknown');
  const invited = runAction(pool, inviteContacts, { event: 8, contacts: [1] }, { tenant: 'unknown' });
  await assert.rejects(invited, (error: unknown) => {
    assert.ok(error instanceof NonRetryableError);
    assert.equal(error.message, 'There is no event 8');
    assert.equal(error.options.errorCode, 404);
    return true;
  });
});

test('2,000 invitations under a long public address fit into a response of 1 MiB', async () => {
  const tenant = 't'.repeat(100);
  const invite = await setUp(tenant);
  const contacts = Array.from({ length: 2000 }, (_, n) => n + 1_000_000_000);
  const many = contacts.map((id) => ({ id, firstName: 'A', lastName: 'B', email: 'a@example.com' }));
  await runActionMany(pool, addOrUpdateContact, many, { tenant });
  const results = await invite(contacts, { services: { publicUrl: `https://${'x'.repeat(50)}` } });
  assert.deepEqual([results.length, results.every(({ status }) => status)], [2000, true]);
  assert.ok(Buffer.byteLength(JSON.stringify({ results })) < 1024 * 1024);
});
