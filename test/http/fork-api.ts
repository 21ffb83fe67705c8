import { type ChildProcess, fork } from 'node:child_process';
import { resolve } from 'node:path';
import { ADMIN_KEY, type System, TEST_PLUGINS } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';

/**
 * Another API in a separate process, on the system's database; killed with the test.
 *
 * @param more further variables
 */
export async function forkApi(
  t: { after(fn: () => void): void },
  system: System,
  more: Record<string, string> = {},
): Promise<{ process: ChildProcess; url: string; log(): string }> {
  const child = fork(resolve(import.meta.dirname, '../../src/main.ts'), [], {
    env: {
      ...process.env,
      ROLE: 'api',
      DATABASE_URL: system.databaseUrl,
      PORT: '0',
      ADMIN_KEY,
      PLUGIN_DIR: TEST_PLUGINS,
      LOG_LEVEL: 'info',
      ...more,
    },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  child.stdout?.on('data', (text: Buffer) => {
    said += text;
  });
  const url = await waitFor(async () => /ready at (http:[^\s"]+)/.exec(said)?.[1], { what: 'the API' });
  return { process: child, url, log: () => said };
}
