/** A worker like that of src/main.ts, with shorter watchdog limits for itself and its quarantine. */
import pino from 'pino';
import { loadPlugins } from '../../../src/app/prepare.ts';
import { startWorker } from '../../../src/app/worker.ts';
import { readConfig } from '../../../src/config/config.ts';

const config = readConfig();
const { databaseUrl = '', publicUrl: url = '' } = config;
await startWorker({
  config,
  databaseUrl,
  log: pino({ level: config.logLevel }),
  registry: await loadPlugins(config),
  url,
  limits: { blockedSeconds: 3, rssBytes: 512 * 1024 ** 2 },
});
