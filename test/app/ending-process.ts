/**
 * A process with work and a database to drain; it writes each event to standard output, one word per line.
 */
import { handleSignals } from '../../src/app/ending.ts';
import { silentLog } from '../support/silent-log.ts';

const write = (word: string) => void process.stdout.write(`${word}\n`);
const [, , mode] = process.argv;

const ending = handleSignals({ ...silentLog, error: () => write('late') }, { drainMs: 2000, workMs: 1000 });
setInterval(() => {}, 1000);

await ending.begin('last', async () => ({
  async drain() {
    write('database');
  },
}));
await ending.begin('work', async () => ({
  async drain() {
    write('work');
    await (mode === 'hangs' ? new Promise(() => {}) : null);
    write('worked');
  },
}));
if (mode === 'fails') await ending.fail('it failed');
write('ready');
