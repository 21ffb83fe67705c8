import { once } from 'node:events';
import type { RequestListener, ServerOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHttpServer } from '../../../src/http/server/server.ts';
import type { ClientPatience } from '../../../src/http/server/slow-clients.ts';

/**
 * The product's server with an application of the test, on a free loopback port; closed when the test ends.
 */
export async function startServer(
  t: { after(fn: () => void): void },
  handle: RequestListener,
  limits: ServerOptions & Partial<ClientPatience> = {},
): Promise<{ url: string; close(graceMs: number): Promise<void> }> {
  const { server, close } = createHttpServer(handle, limits);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}
