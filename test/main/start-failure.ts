import assert from 'node:assert/strict';
import pino from 'pino';
import { startApiRole } from '../../src/app/api-role.ts';
import { Parts } from '../../src/app/parts.ts';
import { loadPlugins, prepareDatabase } from '../../src/app/prepare.ts';
import { readConfig } from '../../src/config/config.ts';
import { explainStartFailure } from '../../src/domain/start-error.ts';
import { bareEnvironment, type Home } from './product.ts';

const log = pino({ level: 'silent' });

/**
 * The line with which a start fails, in this process: a process for each would take as long as all of them. What the
 * start has begun has ended.
 *
 * @param more variables
 */
export async function startFailure(
  { folder, dataDir }: Home,
  more: Record<string, string> = {},
): Promise<string> {
  const env = { ...bareEnvironment(folder), DATA_DIR: dataDir, ...more };
  const starting = new Parts(log);
  try {
    const config = readConfig(env);
    const registry = await loadPlugins(config, { isGuest: true });
    if (config.role === 'worker') await prepareDatabase(config, config.databaseUrl ?? '', registry, log);
    else await startApiRole({ config, log, registry, starting, env, onLost: assert.fail });
  } catch (error) {
    const line = explainStartFailure(error, env);
    assert.doesNotMatch(line, /secret|\n/);
    return line;
  } finally {
    await starting.drain();
  }
  return assert.fail('it has started');
}
