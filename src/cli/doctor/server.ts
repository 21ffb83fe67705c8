/** The server that commands would use, and the key for it. */
import { Batchwright, ConnectionError } from '../../client/index.ts';
import { VERSION } from '../../config/version.ts';
import { CommandError } from '../exit.ts';
import { type Address, findAddress, findKey, type ServerOptions } from '../server.ts';
import { compareClocks } from './clock.ts';
import { type Finding, note, ok, wrong } from './finding.ts';

const TIMEOUT_SECONDS = 10;

export async function* checkServer(env: NodeJS.ProcessEnv, options: ServerOptions): AsyncGenerator<Finding> {
  const address = await findAddress(env, options);
  const key = await findKey(env, options, address).catch((error) => {
    if (error instanceof CommandError) return error;
    throw error;
  });
  // Its health is open to all.
  const client = new Batchwright({
    url: address.url,
    key: key instanceof CommandError ? 'none' : key.key,
    timeoutSeconds: TIMEOUT_SECONDS,
  });
  const isUp = yield* checkHealth(client, address);
  if (!isUp) return;
  if (key instanceof CommandError) yield wrong('key', key.message);
  else yield await checkKey(client, key.from);
}

async function* checkHealth(client: Batchwright, address: Address): AsyncGenerator<Finding, boolean> {
  const place = `${address.url} (from ${address.from})`;
  const askedAt = Date.now();
  try {
    const { isReady, date } = await client.health();
    const answeredAt = Date.now();
    yield isReady
      ? ok('server', `ready at ${place}`)
      : wrong('server', `${place} answers, but is not ready: its log says why; it may still be starting`);
    // The header has whole seconds.
    if (date)
      yield compareClocks('clock of the server', { other: date.getTime() + 500, askedAt, answeredAt });
    return true;
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    yield address.from === 'the default address'
      ? note('server', `none runs on DATA_DIR or at ${address.url}: npx batchwright start starts one`)
      : wrong('server', `${place} does not answer: ${error.message}; start it, or name another address`);
    return false;
  }
}

async function checkKey(client: Batchwright, from: string): Promise<Finding> {
  try {
    await client.actions.list();
  } catch (error) {
    return wrong('key', `the server refuses the key from ${from}: ${(error as Error).message}`);
  }
  return ok('key', `the key from ${from} is accepted (this command is version ${VERSION})`);
}
