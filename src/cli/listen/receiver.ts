/** A receiver of callbacks for trying them out. It writes their bodies to standard output as they arrive. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import pLimit from 'p-limit';
import { CommandError, EXIT } from '../exit.ts';
import { InterruptedError, interruptible } from '../interrupt.ts';
import { print } from '../standard-output.ts';
import { shown } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { SignatureCheck } from './signature-check.ts';

interface ReceiverOptions {
  /** 0 picks a free port. */
  port: number;
  /** One of them must have signed. */
  secrets: readonly string[];
  /** Ends after so many callbacks; undefined goes on until a signal. */
  count: number | undefined;
}

/** Receives callbacks until there were enough, or until Ctrl-C. Throws CommandError when the port is not free. */
export async function receiveCallbacks(
  terminal: Terminal,
  { port, secrets, count }: ReceiverOptions,
): Promise<void> {
  const enough = Promise.withResolvers<void>();
  let received = 0;
  // One body at a time: two of them would mix on standard output.
  const inTurn = pLimit(1);
  const server = createServer((request, response) => {
    const receiving = inTurn(async () => {
      await receive(terminal, request, response, secrets);
      received++;
      if (received === count) enough.resolve();
    });
    receiving.catch((error: Error) => {
      terminal.stderr.write(`The connection broke: ${error.message}\n`);
      response.destroy();
    });
  });
  const url = await listening(server, port);
  try {
    await interruptible(async (signal) => {
      terminal.stderr.write(`Listening at ${url}: use it as callbackUrl. Ctrl-C ends it.\n`);
      const stopped = once(signal, 'abort').then(() => signal.throwIfAborted());
      await Promise.race([enough.promise, stopped]);
    });
  } catch (error) {
    // It is how this command ends.
    if (!(error instanceof InterruptedError)) throw error;
  } finally {
    server.close();
    server.closeIdleConnections();
    if (received !== count) server.closeAllConnections();
  }
}

async function listening(server: Server, port: number): Promise<string> {
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? 'is taken: give another --port' : `cannot be used: ${message}`;
    throw new CommandError(EXIT.error, `port ${port} ${why}`, { cause: error });
  }
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Prints a callback, and answers 204 when it is genuine, else 401. */
async function receive(
  terminal: Terminal,
  request: IncomingMessage,
  response: ServerResponse,
  secrets: readonly string[],
): Promise<void> {
  const check = new SignatureCheck(secrets, request.headers);
  let bytes = 0;
  let last: Buffer = Buffer.alloc(0);
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    last = piece;
    check.add(piece);
    await print(terminal, piece);
  }
  if (bytes > 0 && last.at(-1) !== 0x0a) await print(terminal, '\n');
  const fault = check.fault();
  const place = shown(`${request.method} ${request.url}`);
  const id = shown(String(request.headers['webhook-id'] ?? 'none'));
  const verdict = fault === undefined ? 'the signature holds' : `the signature does not hold: ${fault}`;
  terminal.stderr.write(`${place}, ${bytes.toLocaleString('en')} bytes, webhook-id ${id}: ${verdict}\n`);
  response.writeHead(fault === undefined ? 204 : 401, { connection: 'close' }).end();
}
