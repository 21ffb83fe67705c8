/** The HTTP server below the application: its time limits, and what no application should have to look at. */
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
  // Proxies keep connections to us for 60 s (nginx, load balancers of AWS) or 75: were we to close one first, the
  // request that is just on its way would be lost. Node adds a second to what it tells clients.
  keepAliveTimeout: 90_000,
  // From the first byte of a request, or the connection, to the end of the head.
  headersTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
  // Large bodies on slow lines may take long: see slow-clients.ts.
  requestTimeout: 0,
  // Looked at below.
  requireHostHeader: false,
};

export interface HttpServer {
  server: Server;
  /** Connections end with the answers that are under way on them; resolves when all have. */
  close(graceMs: number): Promise<void>;
}

/** @param limits other than those of production */
export function createHttpServer(
  handle: RequestListener,
  limits: ServerOptions & Partial<ClientPatience> = {},
): HttpServer {
  const server = createServer({ ...LIMITS, ...limits });
  // A client that has sent its request may end its side of the connection: it still gets its answer.
  Object.assign(server, { httpAllowHalfOpen: true });
  // All headers, which have 16 KiB together: Node would drop those past the 1,000th.
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

/** RFC 9112: of the versions there are the first is understood, and 1.1 names its host once. */
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
