/** The options of `defineAction`, checked at run time: a plugin may be written without the types. */

import { shown } from '../domain/shown.ts';
import type { Action } from '../plugin/action.ts';
import { wrongLimits } from './limits.ts';
import { isFunction, isObject, type Member, wrongMember } from './members.ts';

const MAX_TIMEOUT_SECONDS = 21_600;
const QUEUE_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,40}$/;

const isText = (value: unknown) => typeof value === 'string' && value !== '';
const isBoolean = (value: unknown) => typeof value === 'boolean';
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

const OPTIONS: Record<keyof Action, Member> = {
  summary: { fits: isText, rule: 'must be a text', required: true },
  run: { fits: isFunction, rule: 'must be a function' },
  runMany: { fits: isFunction, rule: 'must be a function' },
  retry: { fits: isObject, rule: 'must be like { limit: 3, delaySeconds: 1, backoff: true }' },
  timeoutSeconds: {
    fits: (value) => isNumber(value) && value > 0 && value <= MAX_TIMEOUT_SECONDS,
    rule: `must be a number over 0, at most ${MAX_TIMEOUT_SECONDS}`,
  },
  transactional: { fits: isBoolean, rule: 'must be true or false' },
  failsAlone: { fits: isBoolean, rule: 'must be true or false' },
  permission: { fits: isText, rule: 'must be a text' },
  queue: {
    fits: (value) => isText(value) && QUEUE_NAME.test(String(value)),
    rule: 'must be letters, digits, - and _, begin with a letter and have 41 characters at most',
  },
  concurrency: {
    fits: (value) => Number.isInteger(value) && Number(value) >= 1,
    rule: 'must be a whole number from 1',
  },
  limits: { fits: isObject, rule: 'must be like { rate: { limit: 20, perSeconds: 1 } }' },
  example: { fits: () => true, rule: '' },
};

const RETRY: Record<string, Member> = {
  limit: {
    fits: (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 1000,
    rule: 'must be a whole number from 0 to 1000',
  },
  delaySeconds: { fits: (value) => isNumber(value) && value >= 0, rule: 'must be a number from 0' },
  backoff: { fits: isBoolean, rule: 'must be true or false' },
};

/** Describes the error in an action's default export; null when it is valid. */
export function wrongAction(action: unknown): string | null {
  if (!isObject(action)) return `its default export must be defineAction({ … }), not ${shown(action)}`;
  const options = action as Action;
  if ((options.run === undefined) === (options.runMany === undefined))
    return 'it must have either run or runMany';
  return (
    wrongMember(options, OPTIONS) ??
    (options.failsAlone && !(options.transactional && options.runMany)
      ? 'failsAlone is for an action with transactional and runMany'
      : null) ??
    (options.retry ? wrongMember(options.retry, RETRY, 'retry.') : null) ??
    (options.limits ? wrongLimits(options.limits, 'limits.') : null)
  );
}
