/** The product, and a shell that runs lines of the documents exactly as printed. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { promisify } from 'node:util';
import { readBlock } from '../docs/pages.ts';
import { bareEnvironment, type Home, makeHome, ROOT, type Site } from '../main/product.ts';
import type { Json } from '../support/json.ts';

export interface Pasting {
  home: Home;
  site: Site;
  headers: Record<string, string>;
  /** Runs shell lines in the project's folder; only the addresses in them differ. Returns their output. */
  paste(lines: string, receiver?: string): Promise<string>;
  get(path: string): Promise<Json>;
}

/**
 * @param prepare makes the files that the product needs, below the home's folder; returns further variables
 */
export async function startPasting(
  t: { after(fn: () => Promise<void>): void },
  prepare: (folder: string) => Promise<Record<string, string>> = async () => ({}),
): Promise<Pasting> {
  const home = await makeHome(t);
  const site = await home.start({ RATE_LIMIT: '0', ...(await prepare(home.folder)) }).ready();
  const headers = { authorization: `Bearer ${site.key}` };
  return {
    home,
    site,
    headers,
    async paste(lines, receiver = '') {
      const text = lines
        .replace(/^API=.*$/m, `API=${site.url}`)
        .replace(/^RECEIVER=.*$/m, `RECEIVER=${receiver}`);
      const env = { ...bareEnvironment(home.folder), DATA_DIR: home.dataDir };
      const { stdout } = await promisify(execFile)('bash', ['-c', text], {
        cwd: ROOT,
        env,
        timeout: 240_000,
      });
      return stdout;
    },
    get: async (path) => (await fetch(`${site.url}${path}`, { headers })).json(),
  };
}

/** Checks that the one JSON block below a heading equals this answer, except for ids, times and addresses. */
export async function assertShown(page: string, heading: string, answer: unknown): Promise<void> {
  const shown = JSON.parse(await readBlock(page, heading, 'json'));
  assert.deepEqual(withoutChance(answer), withoutChance(shown), `${page}, ${heading}`);
}

function withoutChance(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key, member) => {
    if (key === 'durationMs') return 'some time';
    if (typeof member !== 'string') return member;
    return member
      .replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/, 'a time')
      .replace(/^[0-9a-f]{32}$/, 'an asyncId')
      .replace(/^http:\/\/127\.0\.0\.1:\d+/, 'an address');
  });
}

/** Currently free ports, for programs that need a given port. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
