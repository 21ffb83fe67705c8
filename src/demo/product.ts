/** The product as the demo runs it: `src/main.ts` in separate processes, on a new data directory. */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readlink, realpath, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ownModule } from '../domain/own-module.ts';
import { stopOrphan } from '../embedded/orphan.ts';
import { readLog } from './process-log.ts';

/** Disposing of it drains the product and removes its data. That throws when it did not drain, or had already ended. */
export interface DemoProduct extends AsyncDisposable {
  url: string;
  adminKey: string;
}

const MAIN = fileURLToPath(ownModule('../main', import.meta.url));
const READY = /"msg":"Batchwright is ready at ([^"]+)"/;
/** An idle product drains in well under a second; it is killed when it takes longer than this. */
const DRAIN_MS = 10_000;
const CLEAN = 'exit code 0';

/**
 * Resolves when the product is ready; aborts `ending` when it ends by itself. When `ending` is aborted
 * before, it rejects and leaves nothing behind.
 */
export async function startProduct(ending: AbortController): Promise<DemoProduct> {
  ending.signal.throwIfAborted();
  const dataDir = await mkdtemp(join(tmpdir(), 'batchwright-demo-'));
  const adminKey = randomBytes(24).toString('hex');
  const child = fork(MAIN, [], {
    env: environment(dataDir, adminKey),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // Ctrl-C is for the demo, which stops the product; if the product does not stop, its group can be killed.
    detached: true,
  });
  const log = readLog(child);
  const ended = endOf(child);
  const lastLines = () => log.text().trim().split('\n').slice(-5).join(' ');
  const failure = (how: string) => new Error(`the product ended (${how}) ${lastLines()}`.trimEnd());
  let stopping = false;
  void ended.then((how) => stopping || ending.abort(failure(how)));
  const stop = async () => {
    stopping = true;
    const how = await endProcesses(child, ended);
    await removeData(dataDir);
    if (how !== CLEAN) throw failure(how);
  };
  try {
    const [, url = ''] = await log.says(READY, ending.signal);
    return { url, adminKey, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Without the user's settings: their DATABASE_URL or SMTP_URL may point to a real system. */
function environment(dataDir: string, adminKey: string): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, SystemRoot } = process.env;
  return {
    ...{ PATH, HOME, TMPDIR, SystemRoot },
    PORT: '0',
    DATA_DIR: dataDir,
    ADMIN_KEY: adminKey,
    LOG_LEVEL: 'warn',
    CALLBACK_ALLOW: '127.0.0.1',
  };
}

/** How the process ended, after its output was read, or why it could not be started. Never rejects. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

async function endProcesses(child: ChildProcess, ended: Promise<string>): Promise<string> {
  child.kill('SIGTERM');
  const deadline = setTimeout(() => killGroup(child), DRAIN_MS);
  const how = await ended;
  clearTimeout(deadline);
  // The workers of a product that did not drain still run.
  if (how !== CLEAN) killGroup(child);
  return how;
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The database's files may be elsewhere, behind a link: see `src/embedded/cluster.ts`. */
async function removeData(dataDir: string): Promise<void> {
  const link = join(dataDir, 'postgres');
  const target = await readlink(link).catch(() => null);
  const cluster = await realpath(link).catch(() => null);
  // A server remains only when the product was killed.
  if (cluster) await stopOrphan(cluster, { info() {}, warn() {}, error() {} });
  if (target) {
    await rm(dirname(target), { recursive: true, force: true });
    // Succeeds only when the folder is empty.
    await rmdir(dirname(dirname(target))).catch(() => {});
  }
  await rm(dataDir, { recursive: true, force: true });
}
