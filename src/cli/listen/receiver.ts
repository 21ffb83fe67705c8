/** A receiver of callbacks for trying them out. It writes the bodies of the genuine ones to standard output. */
import { once } from 'node:events';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { CommandError, EXIT } from '../exit.ts';
import { interruptible } from '../interrupt.ts';
import { print } from '../standard-output.ts';
import { shown } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { SignatureCheck } from './signature-check.ts';

interface ReceiverOptions {
  /** 0 picks a free port. */
  port: number;
  /** One of them must have signed. */
  secrets: readonly string[];
  /** Ends after so many genuine callbacks; undefined goes on until a signal. */
  count: number | undefined;
}

/**
 * Receives callbacks until there were enough. Throws InterruptedError at a signal, and CommandError when the port is not
 * free.
 */
export async function receiveCallbacks(
  terminal: Terminal,
  { port, secrets, count }: ReceiverOptions,
): Promise<void> {
  const enough = Promise.withResolvers<void>();
  let received = 0;
  // One body at a time: two of them would mix on standard output.
  const inTurn = pLimit(1);
  const server = createServer((request, response) => {
    const take = (body: AsyncIterable<Buffer>) =>
      inTurn(async () => {
        // Its sender tries again later, with another receiver.
        if (received === count) return void response.destroy();
        await printBody(terminal, body);
        await answer(response, 204);
        received++;
        if (received === count) enough.resolve();
      });
    receive(terminal, request, response, { secrets, take }).catch((error: Error) => {
      terminal.stderr.write(`The connection broke: ${shown(error.message)}\n`);
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
  } finally {
    server.close();
    server.closeAllConnections();
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

interface Checked {
  secrets: readonly string[];
  /** Takes the body of a genuine callback, and answers. */
  take(body: AsyncIterable<Buffer>): Promise<void>;
}

/**
 * Anybody on this machine can send something: what is not genuine is told, and answered with 401. A body of any size is
 * kept in a file until its signature is known.
 */
async function receive(
  terminal: Terminal,
  request: IncomingMessage,
  response: ServerResponse,
  { secrets, take }: Checked,
): Promise<void> {
  const check = new SignatureCheck(secrets, request.headers);
  await using file = await openDraft();
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (!check.mayHold) continue;
    check.add(piece);
    await file.writeFile(piece);
  }
  const fault = check.fault();
  const place = shown(`${request.method} ${request.url}`);
  const id = shown(String(request.headers['webhook-id'] ?? 'none'));
  const verdict = fault === undefined ? 'the signature holds' : `the signature does not hold: ${fault}`;
  terminal.stderr.write(`${place}, ${bytes.toLocaleString('en')} bytes, webhook-id ${id}: ${verdict}\n`);
  if (fault !== undefined) return await answer(response, 401);
  await take(file.createReadStream({ start: 0, autoClose: false }));
}

/** A file without a name, which ends with its handle. */
async function openDraft(): Promise<FileHandle> {
  const folder = await mkdtemp(join(tmpdir(), 'batchwright-callback-'));
  try {
    return await open(join(folder, 'body'), 'wx+');
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function printBody(terminal: Terminal, body: AsyncIterable<Buffer>): Promise<void> {
  let last: Buffer = Buffer.alloc(0);
  for await (const piece of body) {
    last = piece;
    await print(terminal, piece);
  }
  if (last.length > 0 && last.at(-1) !== 0x0a) await print(terminal, '\n');
}

/** Resolves when the answer is on its way. */
function answer(response: ServerResponse, status: number): Promise<void> {
  return new Promise((resolve) => {
    response.once('close', resolve);
    response.writeHead(status, { connection: 'close' }).end(() => resolve());
  });
}
