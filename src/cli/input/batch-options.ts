/** Options of `submit` that become options of the batch. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { BatchOptions, BatchSettings } from '../../client/index.ts';
import { count, positiveNumber, priority } from '../options.ts';

export interface BatchFlags {
  callback?: string;
  name?: string;
  metadata?: Record<string, string>;
  callbackHeader?: Record<string, string>;
  callbackOn?: 'end' | 'failure';
  priority?: number;
  concurrency?: number;
  rate?: BatchOptions['rate'];
  startAt?: string;
  deadline?: number;
  stopAfter?: BatchOptions['stopAfter'];
}

/** Adds them to the command, in the order of its help. */
export function withBatchFlags(command: Command): Command {
  return command
    .option('--callback <url>', 'where the results are sent')
    .addOption(
      new Option(
        '--callback-on <when>',
        'failure: only when some job has not succeeded; end if absent',
      ).choices(['end', 'failure']),
    )
    .option('--callback-header <name: value>', 'a header of the callback; may be repeated', header)
    .option('--priority <number>', 'of your waiting jobs, the highest start first: -100 to 100', priority)
    .option('--concurrency <number>', 'so many of its jobs run at once, at most', count)
    .option(
      '--rate <starts>',
      'so many of its jobs start in a second, at most: 20, or 100/60 in a minute',
      rate,
    )
    .option('--start-at <time>', 'no job starts before: 2030-01-31T12:00:00Z')
    .option(
      '--deadline <seconds>',
      'what has not started by then, from the taking in, is cancelled',
      positiveNumber,
    )
    .option(
      '--stop-after <failures>',
      'cancel when so many jobs have failed: 10, or 20% of those that ran',
      stopAfter,
    )
    .option('--name <text>', 'a name for the batch')
    .option('--metadata <name=text>', 'a text that the batch keeps by name; may be repeated', metadata);
}

/** What the flags add to a batch. */
export function settingsOf({
  callback: callbackUrl,
  name,
  metadata: texts,
  callbackHeader: callbackHeaders,
  callbackOn,
  priority: level,
  concurrency,
  rate: pace,
  startAt,
  deadline: deadlineSeconds,
  stopAfter: stop,
}: BatchFlags): BatchSettings {
  const given = Object.entries({
    name,
    metadata: texts,
    priority: level,
    concurrency,
    rate: pace,
    startAt,
    deadlineSeconds,
    stopAfter: stop,
    callbackHeaders,
    callbackOn,
  }).filter(([, value]) => value !== undefined);
  const options: BatchOptions = Object.fromEntries(given);
  return {
    ...(callbackUrl === undefined ? {} : { callbackUrl }),
    ...(given.length === 0 ? {} : { options }),
  };
}

/** For commander: texts by name, one a time. */
export function textByName(
  example: string,
): (text: string, before?: Record<string, string>) => Record<string, string> {
  return (text, before = {}) => {
    const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (name === '') throw new InvalidArgumentError(`It must be like ${example}.`);
    return { ...before, [name]: value };
  };
}

export const metadata = textByName('order=17');

/** A number, a percentage, or a percentage once so many have run: `10`, `20%`, `20%/100`. */
function stopAfter(text: string): BatchOptions['stopAfter'] {
  const [, number, percent, finished] = /^(?:(\d+)|(\d+(?:\.\d+)?)%(?:\/(\d+))?)$/.exec(text) ?? [];
  if (number !== undefined) return { failed: Number(number) };
  if (percent === undefined)
    throw new InvalidArgumentError('It must be like 10, 20% or 20%/100 (of a hundred or more).');
  return {
    failedPercent: Number(percent),
    ...(finished === undefined ? {} : { finished: Number(finished) }),
  };
}

/** Starts in a second, or in so many: `20`, `100/60`. */
function rate(text: string): BatchOptions['rate'] {
  const [, limit, perSeconds = '1'] = /^([1-9]\d{0,8})(?:\/(\d+(?:\.\d+)?))?$/.exec(text) ?? [];
  if (limit === undefined || Number(perSeconds) === 0)
    throw new InvalidArgumentError('It must be like 20, or 100/60 (in 60 seconds).');
  return { limit: Number(limit), perSeconds: Number(perSeconds) };
}

function header(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, name = '', value = ''] = /^([^:\s]+):\s*(.*)$/s.exec(text) ?? [];
  if (name === '') throw new InvalidArgumentError('It must be like "X-Token: secret".');
  return { ...before, [name]: value };
}
