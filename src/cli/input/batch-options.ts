/** Options of `submit` that become options of the batch. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { BatchOptions, BatchSettings } from '../../client/index.ts';

export interface BatchFlags {
  callback?: string;
  name?: string;
  metadata?: Record<string, string>;
  callbackHeader?: Record<string, string>;
  callbackOn?: 'end' | 'failure';
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
}: BatchFlags): BatchSettings {
  const given = Object.entries({ name, metadata: texts, callbackHeaders, callbackOn }).filter(
    ([, value]) => value !== undefined,
  );
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

function header(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, name = '', value = ''] = /^([^:\s]+):\s*(.*)$/s.exec(text) ?? [];
  if (name === '') throw new InvalidArgumentError('It must be like "X-Token: secret".');
  return { ...before, [name]: value };
}
