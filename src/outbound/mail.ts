import { createTransport, type NodemailerError } from 'nodemailer';
import { textRule } from '../domain/text.ts';
import type { Mail } from '../plugin/context.ts';
import { NonRetryableError } from '../plugin/errors.ts';
import { parseSmtpUrl } from './smtp-url.ts';

export interface Mailer {
  /**
   * Resolves when the server has accepted the mail. Throws an Error whose message contains no address or
   * secret.
   */
  send(mail: Mail): Promise<void>;
  /** Ends the connections after the mails being sent. */
  close(): void;
}

/** Time limit for the server to connect, to greet, and to answer a command. */
const TIMEOUT_MS = 10_000;

/**
 * Sends plain text mails through an SMTP server, over at most five connections that are reused. `smtpUrl` is
 * `smtp://user:password@host:port` (STARTTLS where the server offers it) or `smtps://`. Its query may name
 * the sender, `?from=events@example.com`, and some of nodemailer's options. Throws an Error, which does not
 * repeat the URL, for any other URL.
 */
export function createMailer(smtpUrl: string): Mailer {
  const { url, from } = parseSmtpUrl(smtpUrl);
  const transport = createTransport({
    url,
    pool: true,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    dnsTimeout: TIMEOUT_MS,
    // A reused connection that the server has closed is not a failure of the mail.
    maxRequeues: 1,
  });
  return {
    async send({ to, subject, text, messageId }) {
      for (const [name, value] of Object.entries({ to, subject, text, messageId }))
        if (!value.isWellFormed())
          throw new NonRetryableError(`${name} of a mail ${textRule('well-formed')}`, { errorCode: 400 });
      try {
        // As an object the address is used unchanged: it is not parsed as a list or a display name.
        await transport.sendMail({
          from,
          to: { name: '', address: to },
          subject,
          text,
          messageId: `<${messageId}>`,
        });
      } catch (error) {
        throw safeError(error as NodemailerError);
      }
    },
    close: () => transport.close(),
  };
}

/** Nodemailer's own errors repeat the server's text, which may contain anything: only codes are passed on. */
function safeError({ code, originalCode, responseCode }: NodemailerError): Error {
  const codes = [...new Set([code, originalCode, responseCode])].filter((value) => value !== undefined);
  return new Error(`The mail server did not take the mail (${codes.join(', ') || 'unknown reason'})`);
}
