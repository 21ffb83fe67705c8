import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Config } from '../config.ts';
import { JOB_GRACE_MS } from './running.ts';

/** A server that answers 503 until the API behind it is there, so that a taken port is known at once. */
export async function listen(
  config: Config,
): Promise<{ server: Server; url: string; serve(app: RequestListener): void }> {
  let handle: RequestListener = (_request, response) => {
    response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '1' });
    response.end(JSON.stringify({ errorCode: 503, message: 'The server is starting' }));
  };
  const server = createServer((request, response) => handle(request, response));
  // Bodies have a limit of their own for idle time; large ones on slow lines may take long.
  server.requestTimeout = 0;
  server.listen(config.port, config.host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return {
    server,
    url: `http://${host}:${port}`,
    serve(app) {
      handle = app;
    },
  };
}

/** Requests in flight may end; what takes longer than the grace is cut. */
export async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const deadline = setTimeout(() => server.closeAllConnections(), JOB_GRACE_MS);
  await closed;
  clearTimeout(deadline);
}
