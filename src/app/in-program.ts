/** The API inside a program that is not ours: no signal handlers, no exit, no reading of its environment. */
import type { Logger } from 'pino';
import { readConfig } from '../config/config.ts';
import { NODE_FLAGS } from '../config/node-flags.ts';
import { type ConfigOptions, environmentOf, inOptionNames, withoutVariables } from '../config/options.ts';
import { explainStartFailure, StartError } from '../domain/start-error.ts';
import { startApiRole } from './api-role.ts';
import { createJsonLogger } from './logger.ts';
import { Parts } from './parts.ts';
import { loadPlugins } from './prepare.ts';

interface InProgram {
  url: string;
  adminKey: string;
  close(): Promise<void>;
}

/** Metrics count what happens in a process, so there is one at a time. */
let isInUse = false;

/** Throws StartError, in words about the options. */
export async function startInProgram({
  logger,
  ...options
}: ConfigOptions & { logger?: Logger | undefined }): Promise<InProgram> {
  if (isInUse)
    throw new StartError('this program runs a Batchwright already: close() it first, or use another process');
  isInUse = true;
  try {
    return await start(options, logger);
  } catch (error) {
    isInUse = false;
    throw error;
  }
}

async function start(options: ConfigOptions, logger: Logger | undefined): Promise<InProgram> {
  let env: NodeJS.ProcessEnv = {};
  let parts: Parts | undefined;
  try {
    env = environmentOf(options);
    const config = readConfig(env);
    const log = logger ?? createJsonLogger(config);
    parts = new Parts(log);
    const registry = await loadPlugins(config, { isGuest: true });
    for (const warning of registry.warnings) log.warn(warning);
    const { url, adminKey } = await startApiRole({
      config,
      log,
      registry,
      starting: parts,
      // Whole paths: the program may change its folder before a worker is replaced.
      env: {
        ...withoutVariables(process.env),
        ...env,
        DATA_DIR: config.dataDir,
        ...(config.pluginDir && { PLUGIN_DIR: config.pluginDir }),
      },
      workerFlags: NODE_FLAGS,
      onLost: (why) => log.error({ why }, 'the embedded database is lost: close() and start again'),
    });
    return { url, adminKey, close: closing(parts, log) };
  } catch (cause) {
    await parts?.drain();
    throw new StartError(inOptionNames(explainStartFailure(cause, env)), { cause });
  }
}

function closing(parts: Parts, log: Logger): () => Promise<void> {
  let closed: Promise<void> | undefined;
  const close = async () => {
    if (!(await parts.drain())) log.error({}, 'could not drain in time');
    isInUse = false;
  };
  return () => {
    closed ??= close();
    return closed;
  };
}
