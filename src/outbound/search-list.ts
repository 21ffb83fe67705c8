import { readFileSync } from 'node:fs';

const PATH = '/etc/resolv.conf';
const DEFAULT_DOTS = 1;

/**
 * The names that a DNS server is asked for when a program asks for `host`, one after the other until one is known:
 * as resolv.conf says by `search` and `options ndots`. So `redis` is found in a Kubernetes namespace.
 */
export function namesToAsk(host: string, path = PATH): string[] {
  if (host.endsWith('.')) return [host];
  const { domains, dots } = readSearchList(path);
  const names = domains.map((domain) => `${host}.${domain}`);
  return host.split('.').length - 1 >= dots ? [host, ...names] : [...names, host];
}

/** Read each time: it is small, and changes when a machine moves to another network. */
function readSearchList(path: string): { domains: string[]; dots: number } {
  let domains: string[] = [];
  let dots = DEFAULT_DOTS;
  for (const [keyword, ...values] of readLines(path)) {
    // Of several the last one counts.
    if (keyword === 'search' || keyword === 'domain')
      domains = values.map((domain) => domain.replace(/\.$/, '')).filter((domain) => domain !== '');
    if (keyword !== 'options') continue;
    for (const value of values) dots = Number(/^ndots:(\d{1,2})$/.exec(value)?.[1] ?? dots);
  }
  return { domains, dots };
}

function readLines(path: string): string[][] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .map((line) =>
        line
          .replace(/[#;].*/, '')
          .trim()
          .split(/\s+/),
      );
  } catch {
    return []; // Windows and others have none
  }
}
