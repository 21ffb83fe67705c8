import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createMailer, type Mailer } from '../../src/outbound/mail.ts';
import type { Mail } from '../../src/plugin/context.ts';
import { startSmtpServer } from '../support/smtp-server.ts';

const MAIL: Mail = {
  to: 'ada@example.com',
  subject: 'Invitation: City Run',
  text: 'Dear Ada,\n\n.a line that begins with a dot\n',
  messageId: '0123456789abcdef@example.com',
};

function mailer(t: TestContext, url: string): Mailer {
  const made = createMailer(url);
  t.after(() => made.close());
  return made;
}

test('a mail arrives with its address, subject, text and Message-ID, from the default sender', async (t) => {
  const server = await startSmtpServer(t);
  await mailer(t, server.url).send(MAIL);

  const [mail] = server.mails;
  assert.deepEqual(mail?.to, ['ada@example.com']);
  assert.equal(mail?.from, 'batchwright@localhost');
  assert.match(mail?.raw ?? '', /^From: batchwright@localhost\r$/m);
  assert.match(mail?.raw ?? '', /^To: ada@example\.com\r$/m);
  assert.match(mail?.raw ?? '', /^Subject: Invitation: City Run\r$/m);
  assert.match(mail?.raw ?? '', /^Message-ID: <0123456789abcdef@example\.com>\r$/m);
  assert.match(mail?.raw ?? '', /\r\n\r\nDear Ada,\r\n\r\n\.a line that begins with a dot\r\n/);
});

test('the sender is taken from the query of the URL', async (t) => {
  const server = await startSmtpServer(t);
  await mailer(t, `${server.url}?from=events%40example.com`).send(MAIL);
  assert.equal(server.mails[0]?.from, 'events@example.com');
  assert.match(server.mails[0]?.raw ?? '', /^From: events@example\.com\r$/m);
});

test('user and password of the URL are used, decoded', async (t) => {
  const seen: unknown[] = [];
  const server = await startSmtpServer(t, {
    authOptional: false,
    allowInsecureAuth: true,
    onAuth({ username, password }, _session, callback) {
      seen.push([username, password]);
      callback(null, { user: username });
    },
  });
  await mailer(t, `smtp://me%40example.com:p%3Aw%2F@127.0.0.1:${server.port}`).send(MAIL);
  assert.deepEqual(seen, [['me@example.com', 'p:w/']]);
});

test('smtps:// uses TLS from the first byte', async (t) => {
  const server = await startSmtpServer(t, { secure: true });
  await mailer(t, `smtps://127.0.0.1:${server.port}?tls.rejectUnauthorized=false`).send(MAIL);
  assert.equal(server.mails.length, 1);
});

test('smtps:// refuses an untrusted certificate', async (t) => {
  const server = await startSmtpServer(t, { secure: true });
  await assert.rejects(mailer(t, `smtps://127.0.0.1:${server.port}`).send(MAIL), /did not take the mail/);
  assert.equal(server.mails.length, 0);
});

test('many mails are sent over few connections', async (t) => {
  let connections = 0;
  const server = await startSmtpServer(t, {
    onConnect(_session, callback) {
      connections += 1;
      callback();
    },
  });
  const { send } = mailer(t, server.url);
  await Promise.all(Array.from({ length: 40 }, () => send(MAIL)));
  assert.equal(server.mails.length, 40);
  assert.ok(connections <= 5, `${connections} connections`);
});

const INJECTIONS: [keyof Mail, string][] = [
  ['subject', 'Hello\r\nBcc: eve@example.com'],
  ['subject', 'Hello\nBcc: eve@example.com\n\nbody'],
  ['messageId', 'a@b>\r\nBcc: eve@example.com\r\nX: <'],
  ['to', 'ada@example.com\r\nBcc: eve@example.com'],
  ['to', 'ada@example.com>\r\nRCPT TO:<eve@example.com'],
  ['to', 'ada@example.com, eve@example.com'],
];
for (const [field, value] of INJECTIONS) {
  test(`no header and no recipient is injected by ${field} ${JSON.stringify(value)}`, async (t) => {
    const server = await startSmtpServer(t);
    await mailer(t, server.url)
      .send({ ...MAIL, [field]: value })
      .catch(() => undefined);
    for (const { to, raw } of server.mails) {
      assert.ok(!to.includes('eve@example.com'), to.join());
      assert.doesNotMatch(raw.split('\r\n\r\n')[0] ?? '', /^Bcc:/im);
    }
  });
}

test('a mail whose text would be changed is not sent', async (t) => {
  const server = await startSmtpServer(t);
  const { send } = mailer(t, server.url);
  for (const field of ['to', 'subject', 'text', 'messageId'] as const)
    await assert.rejects(send({ ...MAIL, [field]: `${MAIL[field]}\ud800` }), {
      name: 'NonRetryableError',
      message: `${field} of a mail must not contain half of a surrogate pair`,
    });
  assert.equal(server.mails.length, 0);
});

test('a refused mail throws the codes, and none of the text of the server', async (t) => {
  const server = await startSmtpServer(t);
  server.refused.set('ada@example.com', 550);
  await assert.rejects(mailer(t, server.url).send(MAIL), (error: Error) => {
    assert.equal(error.message, 'The mail server did not take the mail (EENVELOPE, 550)');
    assert.equal(error.cause, undefined);
    return true;
  });
});

test('a wrong password does not appear in the error', async (t) => {
  const server = await startSmtpServer(t, {
    authOptional: false,
    allowInsecureAuth: true,
    onAuth({ password }, _session, callback) {
      callback(new Error(`no ${password} here`));
    },
  });
  const url = `smtp://me:open-sesame@127.0.0.1:${server.port}`;
  await assert.rejects(mailer(t, url).send(MAIL), (error: Error) => {
    assert.match(error.message, /EAUTH/);
    assert.doesNotMatch(JSON.stringify([error.message, error.stack, { ...error }]), /open-sesame/);
    return true;
  });
});

test('a server that cannot be reached throws', async (t) => {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  await assert.rejects(mailer(t, `smtp://127.0.0.1:${port}`).send(MAIL), /ECONNREFUSED/);
});

test('a server that never greets is given up', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.on('connection', (socket) => t.after(() => socket.destroy()));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { send } = mailer(t, `smtp://127.0.0.1:${port}?greetingTimeout=50`);
  await assert.rejects(send(MAIL), /ETIMEDOUT/);
});

test('the mailer works again when the server is back', async (t) => {
  const server = await startSmtpServer(t);
  server.refuseAll = true;
  const { send } = mailer(t, server.url);
  await assert.rejects(send(MAIL), /451/);
  server.refuseAll = false;
  await send(MAIL);
  assert.equal(server.mails.length, 1);
});

test('a closed mailer throws', async (t) => {
  const server = await startSmtpServer(t);
  const made = mailer(t, server.url);
  made.close();
  await assert.rejects(made.send(MAIL), /ECONNECTION/);
});

for (const [url, message] of [
  ['http://127.0.0.1', 'it is not such a URL'],
  ['user:secret@host', 'it is not such a URL'],
  ['', 'it is not such a URL'],
  ['smtp:', 'the host is missing'],
  ['smtp://', 'the host is missing'],
  ['smtp://user:%zz@host', 'a % must be written %25'],
] as const)
  test(`"${url}" is not accepted as a mail server, and the error does not repeat it`, () => {
    assert.throws(() => createMailer(url), { message });
  });
