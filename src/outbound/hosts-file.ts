import { readFileSync, statSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { canonicalName } from './allow-list.ts';

const PATH =
  process.platform === 'win32'
    ? join(process.env.SystemRoot ?? 'C:\\Windows', 'System32\\drivers\\etc\\hosts')
    : '/etc/hosts';

/** The names in the system's hosts file, which is read again when it has changed. */
export class HostsFile {
  readonly #path: string;
  #version = '';
  #names = new Map<string, string[]>();

  constructor(path = PATH) {
    this.#path = path;
  }

  /**
   * The addresses of a name, in the order of the file; empty when the file lacks the name or does not exist.
   */
  addressesOf(name: string): readonly string[] {
    this.#refresh();
    return this.#names.get(canonicalName(name)) ?? [];
  }

  #refresh(): void {
    try {
      const { mtimeMs, size, ino } = statSync(this.#path);
      const version = `${mtimeMs} ${size} ${ino}`;
      if (version === this.#version) return;
      this.#names = parse(readFileSync(this.#path, 'utf8'));
      this.#version = version;
    } catch {
      this.#version = '';
      this.#names = new Map();
    }
  }
}

function parse(text: string): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const line of text.split(/\r?\n/)) {
    const [address = '', ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (net.isIP(address) === 0 || address.includes('%')) continue;
    for (const alias of aliases) {
      const name = canonicalName(alias);
      names.set(name, [...(names.get(name) ?? []), address]);
    }
  }
  return names;
}
