/** Represents a Batchwright in another process: starts the database of the folder in its argument. */
import { startEmbeddedPostgres } from '../../src/embedded/embedded.ts';
import { silentLog } from '../support/silent-log.ts';

const dataDir = process.argv[2];
if (!dataDir) throw new Error('usage: main-process.ts DATA_DIR');
try {
  const { url, stop } = await startEmbeddedPostgres({ dataDir, log: silentLog });
  process.once('SIGTERM', () => void stop());
  process.stdout.write(`${JSON.stringify({ url })}\n`);
} catch (error) {
  process.stdout.write(`${JSON.stringify({ error: (error as Error).message })}\n`);
}
