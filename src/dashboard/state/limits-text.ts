/** The limits of an action, in words. */
import type { Limits } from '../../client/index.ts';
import { count } from './format.ts';

/** `At most 5 at once for each tenant; at most 20 starts in 1 s.` */
export function limitsText(limits: Limits | null): string {
  const { concurrency, rate, adaptive } = limits ?? {};
  const by = (bucket: string | undefined) => (bucket === undefined ? '' : ` for each ${bucket}`);
  const parts = [
    concurrency &&
      `at most ${count(concurrency.max)} at once${concurrency.perProcess ? ' in each process' : ''}${by(concurrency.by)}`,
    rate &&
      `at most ${count(rate.limit)} starts in ${rate.perSeconds} s${rate.burst ? `, ${count(rate.burst)} at once after a pause` : ''}${by(rate.by)}`,
    adaptive && 'slower while the other side asks for it',
  ].filter(Boolean);
  const text = parts.join('; ');
  return text === '' ? 'It has no limits.' : `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
