/** A real SMTP server on loopback that stores the mails it gets. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

export interface ReceivedMail {
  from: string;
  to: string[];
  /** Headers and body as they arrived. */
  raw: string;
}

export interface TestSmtpServer {
  port: number;
  /** Without STARTTLS: the certificate of a test server is not trusted. */
  url: string;
  mails: ReceivedMail[];
  /** Addresses that are refused, each with its code. */
  refused: Map<string, number>;
  /** Refuses every mail after its data, with 451. */
  refuseAll: boolean;
  close(): Promise<void>;
}

export async function startSmtpServer(
  t: { after(fn: () => Promise<void>): void },
  options: SMTPServerOptions = {},
): Promise<TestSmtpServer> {
  const state = { mails: [] as ReceivedMail[], refused: new Map<string, number>(), refuseAll: false };
  const server = new SMTPServer({
    // Also silences the warning about the server's built-in certificate.
    logger: false,
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    closeTimeout: 100,
    onRcptTo({ address }, _session, callback) {
      const code = state.refused.get(address);
      callback(code === undefined ? null : refusal(code));
    },
    onData(stream, { envelope }, callback) {
      text(stream).then((raw) => {
        if (state.refuseAll) return callback(refusal(451));
        const from = envelope.mailFrom ? envelope.mailFrom.address : '';
        state.mails.push({ from, to: envelope.rcptTo.map(({ address }) => address), raw });
        callback(null);
      }, callback);
    },
    ...options,
  });
  server.on('error', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  const { port } = server.server.address() as AddressInfo;
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= new Promise<void>((resolve) => server.close(() => resolve()));
    return closed;
  };
  t.after(close);
  return Object.assign(state, { port, url: `smtp://127.0.0.1:${port}`, close });
}

function refusal(responseCode: number): Error {
  return Object.assign(new Error('Not this time'), { responseCode });
}
