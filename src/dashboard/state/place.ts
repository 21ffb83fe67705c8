/**
 * What is on the screen, in the address: `#/batches?state=running`. A link shows a colleague the same. It is behind the
 * `#`, because the server then has one page at any path prefix, and nothing of it is sent or logged.
 */
import { computed, signal } from '@preact/signals';

export type Query = Record<string, string | number | undefined>;

const hash = signal(location.hash);
addEventListener('hashchange', () => {
  hash.value = location.hash;
});

/** The path, such as `/batches`. */
export const path = computed(() => hash.value.slice(1).split('?', 1)[0] || '/batches');
/** Filters, pages, selected things. */
const query = computed(() => {
  const text = hash.value;
  const start = text.indexOf('?');
  return new URLSearchParams(start < 0 ? '' : text.slice(start + 1));
});

/** A value of the query; undefined when it is absent or empty. */
export function queryValue(name: string): string | undefined {
  return query.value.get(name) || undefined;
}

/** The values of the query whose names begin like this, by name. */
export function queryValues(beginning: string): Record<string, string> {
  return Object.fromEntries([...query.value].filter(([name, value]) => name.startsWith(beginning) && value));
}

/** The `href` of a place. */
export function hrefOf(to: string, values: Query = {}): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== '');
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text ? `#${to}?${text}` : `#${to}`;
}

/** The `href` of this place with other values in its query; the others stay. */
export function hrefWith(changes: Query): string {
  return hrefOf(path.value, { ...Object.fromEntries(query.value), ...changes });
}

/** Goes to a place: a step of its own in the browser's history. */
export function go(href: string): void {
  location.hash = href;
}

/** Changes the address without a step in the history: for values that change while somebody types. */
export function replace(href: string): void {
  history.replaceState(null, '', href);
  hash.value = location.hash;
}

/** The values of a pattern such as `/batches/:asyncId`, or null when the path is another. */
export function match(pattern: string, actual: string): Record<string, string> | null {
  const names = pattern.split('/');
  const parts = actual.split('/');
  if (names.length !== parts.length) return null;
  const values: Record<string, string> = {};
  for (const [n, name] of names.entries()) {
    const part = parts[n] ?? '';
    if (name.startsWith(':')) values[name.slice(1)] = decoded(part);
    else if (name !== part) return null;
  }
  return values;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
