import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Config } from '../config/config.ts';
import { BatchwrightError } from '../contract/errors.ts';
import { refuse } from '../http/server/send-error.ts';
import { createHttpServer, type HttpServer } from '../http/server/server.ts';
import { currentInstance, runInInstance } from '../telemetry/instance.ts';

/** A server that answers 503 until the API behind it is ready, so that a taken port is reported at once. */
export async function listen(
  config: Pick<Config, 'host' | 'port'>,
): Promise<HttpServer & { url: string; serve(app: RequestListener): void }> {
  const starting = new BatchwrightError('unavailable', { message: 'The server is starting', retryAfter: 1 });
  let handle: RequestListener = (request, response) => refuse(request, response, starting);
  const listening = createHttpServer((request, response) => handle(request, response));
  const { server } = listening;
  server.listen(config.port, config.host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return {
    ...listening,
    url: `http://${host}:${port}`,
    serve(app) {
      const instance = currentInstance();
      handle = (request, response) => runInInstance(instance, () => app(request, response));
    },
  };
}
