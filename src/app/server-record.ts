import { recordServer } from '../config/local-server.ts';
import type { AppOptions, Running } from './running.ts';

/** Lets commands on this machine find the server, until it drains. Without it they need BATCHWRIGHT_URL. */
export function startServerRecord({ config, log }: Pick<AppOptions, 'config' | 'log'>, url: string): Running {
  try {
    const remove = recordServer(config.dataDir, url);
    return { drain: async () => remove() };
  } catch (error) {
    log.warn({ err: error }, 'Commands will not find this server by themselves: DATA_DIR cannot be written');
    return { drain: async () => {} };
  }
}
