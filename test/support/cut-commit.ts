import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

/**
 * A database proxy that, once armed, cuts one connection at its next commit: after the server's answer, or
 * before the server gets it.
 */
export async function wayThatIsCut(
  t: { after(fn: () => void): void },
  databaseUrl: string,
  cut: 'after' | 'before',
): Promise<{ url: string; armed: boolean }> {
  const target = new URL(databaseUrl);
  const way = { armed: false, url: '' };
  const sockets = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const upstream = net.connect(Number(target.port), target.hostname);
    let isCommitting = false;
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    client.on('data', (bytes) => {
      if (way.armed && bytes.includes('commit')) {
        way.armed = false;
        isCommitting = true;
      }
      if (isCommitting && cut === 'before') end();
      else upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (isCommitting) end();
      else client.write(bytes);
    });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', end).on('close', end);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  way.url = Object.assign(new URL(databaseUrl), { hostname: '127.0.0.1', port: String(port) }).href;
  return way;
}
