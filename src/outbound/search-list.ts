import { readFileSync } from 'node:fs';

const PATH = '/etc/resolv.conf';
const DEFAULT_DOTS = 1;

/**
 * The names to try for `host`, in order, until a DNS server knows one: according to `search` and `options
 * ndots` in resolv.conf. So `redis` is found in a Kubernetes namespace.
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
    // The last of several lines counts.
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
    return []; // Windows and other systems have none
  }
}
