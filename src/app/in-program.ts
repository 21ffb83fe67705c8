/** The API inside a program that is not ours: no signal handlers, no exit, no reading of its environment. */
import type { Logger } from 'pino';
import { readConfig } from '../config/config.ts';
import { NODE_FLAGS } from '../config/node-flags.ts';
import { type ConfigOptions, environmentOf, inOptionNames, withoutVariables } from '../config/options.ts';
import { explainStartFailure, StartError } from '../domain/start-error.ts';
import { endCompiling } from '../registry/import-plugin.ts';
import { newInstance, runInInstance } from '../telemetry/instance.ts';
import { startApiRole } from './api-role.ts';
import { createJsonLogger } from './logger.ts';
import { Parts } from './parts.ts';
import { loadPlugins } from './prepare.ts';
import { startTracingInProgram } from './tracing.ts';

interface InProgram {
  url: string;
  adminKey: string;
  instance: string;
  close(): Promise<void>;
}

/** Instances that have not been closed. */
let running = 0;

/** Throws StartError, in words about the options. */
export function startInProgram({
  logger,
  ...options
}: ConfigOptions & { logger?: Logger | undefined }): Promise<InProgram> {
  const instance = newInstance();
  return runInInstance(instance, async () => {
    const { url, adminKey, parts, log } = await start(options, logger);
    return { url, adminKey, instance, close: closing(instance, parts, log) };
  });
}

async function start(options: ConfigOptions, logger: Logger | undefined) {
  running++;
  let env: NodeJS.ProcessEnv = {};
  let parts: Parts | undefined;
  try {
    env = environmentOf(options);
    const config = readConfig(env);
    const tracing = await startTracingInProgram(config);
    const log = logger ?? createJsonLogger(config, tracing?.logFields);
    parts = new Parts(log);
    if (tracing) await parts.begin('last', async () => ({ drain: () => tracing.stop() }));
    tracing?.reportTo?.(log);
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
    return { url, adminKey, parts, log };
  } catch (cause) {
    await parts?.drain();
    await leave();
    throw new StartError(inOptionNames(explainStartFailure(cause, env)), { cause });
  }
}

function closing(instance: string, parts: Parts, log: Logger): () => Promise<void> {
  let closed: Promise<void> | undefined;
  const close = async () => {
    if (!(await parts.drain())) log.error({}, 'could not drain in time');
    await leave();
  };
  return () => {
    closed ??= runInInstance(instance, close);
    return closed;
  };
}

/** Plugins in a syntax of their own are compiled for all instances at once. */
async function leave(): Promise<void> {
  running--;
  if (running === 0) await endCompiling();
}
