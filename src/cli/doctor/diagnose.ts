import { type Config, ConfigError, readConfig } from '../../config/config.ts';
import type { ServerOptions } from '../server.ts';
import { checkAdminKey } from './admin-key.ts';
import { checkCallbacks } from './callbacks.ts';
import { checkDatabase } from './database.ts';
import { checkFiles } from './files.ts';
import { type Finding, ok, wrong } from './finding.ts';
import { checkServer } from './server.ts';

/**
 * Checks everything that a server on this machine needs, and the server that commands use. Changes nothing.
 *
 * @param callbackUrl an address that is meant to be called back
 */
export async function* diagnose(
  env: NodeJS.ProcessEnv,
  options: ServerOptions,
  callbackUrl: string | undefined,
): AsyncGenerator<Finding> {
  let config: Config;
  try {
    config = readConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    yield wrong('variables', error.message);
    return;
  }
  yield ok('variables', 'each has an allowed value');
  yield* checkFiles(config.dataDir);
  yield await checkAdminKey(config);
  yield* checkDatabase(config);
  yield* checkServer(env, options);
  yield await checkCallbacks(config, callbackUrl);
}
