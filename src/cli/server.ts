/** Which server a command speaks to, and with which key. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import {
  AuthenticationError,
  Batchwright,
  ConnectionError,
  NotFoundError,
  PermissionError,
} from '../client/index.ts';
import { readSetting } from '../config/config.ts';
import { findAdminKey } from '../config/generated-keys.ts';
import { findServer, type LocalServer } from '../config/local-server.ts';
import { CommandError, EXIT, UsageError } from './exit.ts';
import type { Terminal } from './terminal.ts';

export interface ServerOptions {
  url?: string;
  keyFile?: string;
}

export interface Address {
  url: string;
  /** Where the address comes from, for messages. */
  from: string;
  /** True when it is the server that runs on DATA_DIR. */
  isLocal: boolean;
}

export interface ServerKey {
  key: string;
  /** Where the key comes from, for messages. */
  from: string;
}

const DEFAULT_URL = 'http://127.0.0.1:3000';
const LOOPBACK: readonly string[] = ['127.0.0.1', '[::1]'];

export function withServerOptions(command: Command): Command {
  return command
    .option('--url <url>', 'address of the server (or BATCHWRIGHT_URL; found by itself on this machine)')
    .option(
      '--key-file <file>',
      'file with the API key (or BATCHWRIGHT_KEY; found by itself, as the address)',
    );
}

/** Calls `work` with a client of the server. Throws CommandError when server and key do not get along. */
export async function withServer<T>(
  { env }: Pick<Terminal, 'env'>,
  options: ServerOptions,
  work: (client: Batchwright, address: Address) => Promise<T>,
): Promise<T> {
  const address = await findAddress(env, options);
  const key = await findKey(env, options, address);
  const client = new Batchwright({ url: address.url, key: key.key });
  try {
    return await work(client, address);
  } catch (error) {
    throw explained(error, address, key);
  }
}

/** The same for a command about one batch: an error says which batch is not there. */
export function withBatch<T>(
  terminal: Pick<Terminal, 'env'>,
  options: ServerOptions,
  asyncId: string,
  work: (client: Batchwright) => Promise<T>,
): Promise<T> {
  return withServer(terminal, options, async (client, { url }) => {
    try {
      return await work(client);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      throw new CommandError(EXIT.error, `${url}: ${error.message}: ${JSON.stringify(asyncId)}`);
    }
  });
}

/** --url, else BATCHWRIGHT_URL, else the server that runs on DATA_DIR, else the default. Throws UsageError. */
export async function findAddress(env: NodeJS.ProcessEnv, { url }: ServerOptions): Promise<Address> {
  const local = await findServer(readSetting('dataDir', env));
  const named = url ?? (env.BATCHWRIGHT_URL || undefined);
  if (named !== undefined) {
    const from = url === undefined ? 'BATCHWRIGHT_URL' : '--url';
    if (!/^https?:\/\/[^/?#\s]+[^?#\s]*$/i.test(named) || !URL.canParse(named))
      throw new UsageError(
        `${from} must be an address such as https://batch.example.com, not ${JSON.stringify(named)}`,
      );
    return { ...withLoopback(named, local), from };
  }
  if (local) return { url: local.url, from: 'the server of DATA_DIR', isLocal: true };
  return { url: DEFAULT_URL, from: 'the default address', isLocal: false };
}

/**
 * `localhost` is the local server's own address if it has this port: by the name, another program on the machine could
 * answer, and get the key.
 */
function withLoopback(named: string, local: LocalServer | undefined): Pick<Address, 'url' | 'isLocal'> {
  if (local === undefined) return { url: named, isLocal: false };
  const url = new URL(named);
  const own = new URL(local.url);
  if (url.origin === own.origin) return { url: named, isLocal: true };
  const isOwn = url.hostname === 'localhost' && LOOPBACK.includes(own.hostname);
  if (!isOwn || url.protocol !== own.protocol || url.port !== own.port) return { url: named, isLocal: false };
  url.hostname = own.hostname;
  return { url: url.href, isLocal: true };
}

/**
 * --key-file, else BATCHWRIGHT_KEY, else the admin key of this machine. The admin key is sent to no other server than
 * the one that runs on DATA_DIR. Throws CommandError when there is no key.
 */
export async function findKey(
  env: NodeJS.ProcessEnv,
  { keyFile }: ServerOptions,
  address: Address,
): Promise<ServerKey> {
  if (keyFile !== undefined) return { key: checked(await readKey(keyFile), keyFile), from: keyFile };
  const given = env.BATCHWRIGHT_KEY;
  if (given) return { key: checked(given, 'BATCHWRIGHT_KEY'), from: 'BATCHWRIGHT_KEY' };
  const dataDir = readSetting('dataDir', env);
  if (!address.isLocal) throw noKey(address, dataDir);
  const key = await findAdminKey({ adminKey: readSetting('adminKey', env), dataDir });
  if (key === null)
    throw new CommandError(
      EXIT.keyRefused,
      `there is no admin key in ${dataDir}: set BATCHWRIGHT_KEY, or give --key-file FILE`,
    );
  return { key, from: 'DATA_DIR' };
}

async function readKey(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new CommandError(EXIT.error, `--key-file ${file} cannot be read: ${(error as Error).message}`);
  }
}

/** The key itself is never shown. */
function checked(key: string, from: string): string {
  if (/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(key)) return key;
  throw new CommandError(EXIT.keyRefused, `${from} has no API key: a key is one line of ASCII characters`);
}

function noKey({ url, from }: Address, dataDir: string): CommandError {
  if (from === 'the default address')
    return new CommandError(
      EXIT.error,
      `no server runs on DATA_DIR ${dataDir}: start one with npx batchwright start, or set BATCHWRIGHT_URL and BATCHWRIGHT_KEY (${url} is tried when there is a key)`,
    );
  return new CommandError(
    EXIT.keyRefused,
    `there is no key for ${url}: set BATCHWRIGHT_KEY, or give --key-file FILE. The admin key of this machine is sent only to the server that runs on DATA_DIR ${dataDir}`,
  );
}

function explained(error: unknown, { url, from }: Address, key: ServerKey): unknown {
  const { message } = error as Error;
  if (error instanceof AuthenticationError)
    return new CommandError(EXIT.keyRefused, `${url} refuses the key from ${key.from}: ${message}`);
  if (error instanceof PermissionError)
    return new CommandError(EXIT.keyRefused, `the key from ${key.from} may not do this: ${message}`);
  if (error instanceof NotFoundError) return new CommandError(EXIT.error, `${url}: ${message}`);
  if (error instanceof ConnectionError)
    return new CommandError(
      EXIT.error,
      `${message}. The server is ${url}, from ${from}: is it running there? BATCHWRIGHT_URL or --url names another`,
      { cause: error },
    );
  return error;
}
