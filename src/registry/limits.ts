/** Checks limits, of an action's file and of an operator. */
import type { Limits } from '../plugin/limits.ts';
import { isObject, type Member, wrongMember } from './members.ts';

const MAX_COUNT = 1_000_000;
const MIN_PERIOD_SECONDS = 0.001;
const MAX_PERIOD_SECONDS = 86_400;
const HOST_OF = 'host of ';
const POINTER = /^(\/([^~/|]|~[01])*)+$/;

const isCount = (value: unknown) =>
  Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_COUNT;
const isBoolean = (value: unknown) => typeof value === 'boolean';
const COUNT = `must be a whole number from 1 to ${MAX_COUNT}`;

const BY: Member = {
  fits: (value) => typeof value === 'string' && (value === 'tenant' || POINTER.test(pointerOf(value))),
  rule: 'must be "tenant", a JSON Pointer into the params such as "/account", or "host of /url"',
};

const LIMITS: Record<keyof Limits, Member> = {
  concurrency: { fits: isObject, rule: 'must be like { max: 5, by: "/account" }' },
  rate: { fits: isObject, rule: 'must be like { limit: 20, perSeconds: 1 }' },
  adaptive: { fits: isBoolean, rule: 'must be true or false' },
};

const CONCURRENCY: Record<string, Member> = {
  max: { fits: isCount, rule: COUNT, required: true },
  perProcess: { fits: isBoolean, rule: 'must be true or false' },
  by: BY,
};

const RATE: Record<string, Member> = {
  limit: { fits: isCount, rule: COUNT, required: true },
  perSeconds: {
    fits: (value) => typeof value === 'number' && value >= MIN_PERIOD_SECONDS && value <= MAX_PERIOD_SECONDS,
    rule: `must be a number from ${MIN_PERIOD_SECONDS} to ${MAX_PERIOD_SECONDS}`,
    required: true,
  },
  burst: { fits: isCount, rule: COUNT },
  by: BY,
};

const BATCH_RATE: Record<string, Member> = {
  limit: RATE.limit as Member,
  perSeconds: RATE.perSeconds as Member,
};
const BATCH_LIMITS: Record<string, Member> = {
  concurrency: { fits: isCount, rule: COUNT },
  rate: { fits: isObject, rule: 'must be like {"limit":20,"perSeconds":1}' },
};

/** Describes the first wrong one of a batch's options `concurrency` and `rate`; null when both are right. */
export function wrongBatchLimits(
  options: { concurrency?: unknown; rate?: unknown },
  prefix: string,
): string | null {
  const { concurrency, rate } = options;
  return (
    wrongMember({ concurrency, rate }, BATCH_LIMITS, prefix) ??
    (isObject(rate) ? wrongMember(rate, BATCH_RATE, `${prefix}rate.`) : null)
  );
}

/** Describes the first wrong member of limits; null when all are right. */
export function wrongLimits(limits: Limits, prefix: string): string | null {
  const { concurrency, rate } = limits;
  return (
    wrongMember(limits, LIMITS, prefix) ??
    (concurrency ? wrongMember(concurrency, CONCURRENCY, `${prefix}concurrency.`) : null) ??
    (rate ? wrongMember(rate, RATE, `${prefix}rate.`) : null)
  );
}

/** The JSON Pointer in the `by` of a limit. */
export function pointerOf(by: string): string {
  return isHostOf(by) ? by.slice(HOST_OF.length) : by;
}

/** True when a limit is shared by host. */
export function isHostOf(by: string): boolean {
  return by.startsWith(HOST_OF);
}
