/**
 * The HTTP server below the application: its time limits, and checks that come before any application code.
 */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { BatchwrightError } from '../../contract/errors.ts';
import { Connections } from './connections.ts';
import { continueWhenRead } from './expect-continue.ts';
import { answerProtocolErrors } from './protocol-errors.ts';
import { refuse } from './send-error.ts';
import { CLIENT_PATIENCE, type ClientPatience, letGoOfSlowClients } from './slow-clients.ts';

const LIMITS: ServerOptions = {
  // Proxies keep connections to us for 60 s (nginx, load balancers of AWS) or 75 s. If we closed one first, a
  // request just sent on it would be lost. Node announces one second more to clients.
  keepAliveTimeout: 90_000,
  // From the first byte of a request, or from the connection, to the end of the head.
  headersTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
  // Large bodies on slow networks may take long: see slow-clients.ts.
  requestTimeout: 0,
  // Checked below.
  requireHostHeader: false,
};

export interface HttpServer {
  server: Server;
  /** Ends each connection after its current answer; resolves when all have ended. */
  close(graceMs: number): Promise<void>;
}

/** @param limits production's when absent */
export function createHttpServer(
  handle: RequestListener,
  limits: ServerOptions & Partial<ClientPatience> = {},
): HttpServer {
  const server = createServer({ ...LIMITS, ...limits });
  // A client may end its side of the connection after its request: it still gets its answer.
  Object.assign(server, { httpAllowHalfOpen: true });
  // No limit on their number, because Node would drop headers past the 1,000th; all together may have 16 KiB.
  server.maxHeadersCount = 0;
  const connections = new Connections(server);
  answerProtocolErrors(server, connections);
  const slowClients = letGoOfSlowClients(connections, { ...CLIENT_PATIENCE, ...limits });
  server.once('close', () => slowClients.stop());

  function receive(request: IncomingMessage, response: ServerResponse, refusal = refusalOf(request)): void {
    connections.begin(request, response);
    if (refusal) refuse(request, response, refusal);
    else handle(request, response as Parameters<RequestListener>[1]);
  }
  server.on('request', (request, response) => receive(request, response));
  server.on('checkContinue', (request, response) => {
    continueWhenRead(request, response);
    receive(request, response);
  });
  server.on('checkExpectation', (request, response) => {
    continueWhenRead(request, response);
    receive(request, response, new BatchwrightError('expectationFailed'));
  });

  return {
    server,
    async close(graceMs) {
      const closed = new Promise((resolve) => server.close(resolve));
      connections.drain();
      const deadline = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(deadline);
    },
  };
}

/** RFC 9112: only major version 1 is supported, and 1.1 needs exactly one Host. */
function refusalOf({
  httpVersionMajor,
  httpVersionMinor,
  rawHeaders,
}: IncomingMessage): BatchwrightError | undefined {
  if (httpVersionMajor !== 1) return new BatchwrightError('versionNotSupported');
  if (httpVersionMinor === 0) return undefined;
  const hosts = rawHeaders.filter((name, place) => place % 2 === 0 && name.toLowerCase() === 'host').length;
  if (hosts === 1) return undefined;
  return new BatchwrightError('badRequest', {
    message: hosts === 0 ? 'The Host header is missing' : 'There is more than one Host header',
  });
}
