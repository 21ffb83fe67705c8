/**
 * Workload W(N): N jobs `bench.echo {n, s}` with 40 random characters as s; the response is `{ok: true, n}`.
 */
import { randomBytes } from 'node:crypto';

export interface Echo {
  n: number;
  s: string;
}

export interface Answer {
  ok: true;
  n: number;
}

const CHARACTERS = 40;
/** Made before any measurement starts. */
const RANDOM_TEXT = randomBytes(786_432).toString('base64url');
const STEP = 41;

/** The params of one job. */
export function echo(n: number): Echo {
  const start = (n * STEP) % (RANDOM_TEXT.length - CHARACTERS);
  return { n, s: RANDOM_TEXT.slice(start, start + CHARACTERS) };
}

export function answer(n: number): Answer {
  return { ok: true, n };
}

/** The actions in bench/jobs. */
export type Action = 'echo' | 'wait';

/** One job of a batch, as JSON text. */
export function jobText(n: number, action: Action = 'echo'): string {
  return JSON.stringify({ namespace: 'bench', action, params: action === 'echo' ? echo(n) : { n } });
}

/** The body of a `run` request of W(n). */
export function batchBody(n: number, callbackUrl?: string): Buffer {
  const callback = callbackUrl === undefined ? '' : `,"callbackUrl":${JSON.stringify(callbackUrl)}`;
  return Buffer.from(`{"jobs":[${range(0, n, (job) => jobText(job)).join(',')}]${callback}}`);
}

/** W(n), whose first job waits for a group of all others. */
export function groupBody(n: number): Buffer {
  const member = (job: number) => `{"group":"all",${jobText(job).slice(1)}`;
  const last = `{"dependsOn":[{"group":"all"}],${jobText(n - 1).slice(1)}`;
  return Buffer.from(`{"jobs":[${last},${range(0, n - 1, member).join(',')}]}`);
}

/** W(n) as chains of so many jobs, one chain after the other. */
export function chainsBody(n: number, length: number): Buffer {
  const link = (job: number) => {
    const before = job % length === 0 ? '' : `"dependsOn":["${job - 1}"],`;
    return `{"id":"${job}",${before}${jobText(job).slice(1)}`;
  };
  return Buffer.from(`{"jobs":[${range(0, n, link).join(',')}]}`);
}

/** The body of a `run` request of n calls of `http.request`. */
export function callsBody(n: number, url: string): Buffer {
  const job = JSON.stringify({ namespace: 'http', action: 'request', params: { method: 'GET', url } });
  return Buffer.from(`{"jobs":[${range(0, n, () => job).join(',')}]}`);
}

/** The body of a `run` request of n jobs that share the starts of so many buckets. */
export function limitedBody(n: number, buckets: number): Buffer {
  const job = (index: number) =>
    JSON.stringify({ namespace: 'bench', action: 'limited', params: { n: index, bucket: index % buckets } });
  return Buffer.from(`{"jobs":[${range(0, n, job).join(',')}]}`);
}

/** W(n) as lines of JSON, in pieces of about 64 KiB. */
export function batchLines(n: number): Buffer[] {
  return Array.from(slices(n, 600), ([from, to]) =>
    Buffer.from(range(from, to, (job) => `${jobText(job)}\n`).join('')),
  );
}

/** The numbers below `count` in slices of `size`, each as `[from, to)`. */
export function* slices(count: number, size: number): Generator<[from: number, to: number]> {
  for (let from = 0; from < count; from += size) yield [from, Math.min(count, from + size)];
}

/** `make` for every number in `[from, to)`. */
export function range<Item>(from: number, to: number, make: (n: number) => Item): Item[] {
  return Array.from({ length: to - from }, (_, position) => make(from + position));
}
