import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
// Relative, unlike other plugins: the package.json of bench hides the project's own names.
import { defineAction, NonRetryableError } from '../../../../src/plugin/index.ts';
import type { Note } from '../../schemas/chaos/note.ts';

export default defineAction<Note>({
  summary: 'Notes that it was run, in a file if one is named, and answers which process ran it',
  async run({ n, ms, file, bytes, fails, from }) {
    // Short lines appended by several processes do not mix.
    if (file !== undefined) appendFileSync(file, `${n}\n`);
    if (ms !== undefined) await wait(ms);
    if (fails) throw new NonRetryableError('as it was asked to');
    // Random, so that no compression makes it small.
    const large = bytes && { bytes: randomBytes(bytes).toString('base64') };
    return { n, pid: process.pid, ...large, ...(from === undefined ? {} : { from }) };
  },
});
