/** A batch from a JSON file, as the text that is sent: large numbers keep their digits. */

import type { Readable } from 'node:stream';
import type { BatchSettings } from '../../client/index.ts';
import { type ActionName, jobText } from '../../json/job-text.ts';
import { splitArray } from '../../json/split.ts';
import { CommandError, EXIT, UsageError } from '../exit.ts';
import { nameOf, textOf } from './open-input.ts';
import { requireJob } from './require-job.ts';

/**
 * The body of a batch from a file with such a body, an array of jobs, or, with an action, an array of params.
 *
 * @param settings added to it
 */
export async function jsonBatch(
  stdin: Readable,
  file: string,
  action: ActionName | undefined,
  settings: BatchSettings,
): Promise<string> {
  const text = await textOf(stdin, file);
  const value = parsed(text, file);
  const added = JSON.stringify(settings).slice(1, -1);
  if (Array.isArray(value)) {
    if (!action) requireJob(value[0], file);
    const jobs = action ? `[${splitArray(text).map((params) => jobText(action, params))}]` : text;
    return `{"jobs":${jobs}${added && `,${added}`}}`;
  }
  if (action)
    throw new UsageError(
      `with --action ${nameOf(file)} must be an array of params, or a file of lines or CSV`,
    );
  if (typeof value !== 'object' || value === null)
    throw new CommandError(
      EXIT.error,
      `${nameOf(file)} must be a batch such as {"jobs":[…]}, or an array of jobs`,
    );
  if (added === '') return text;
  if (settings.callbackUrl !== undefined && 'callbackUrl' in value)
    throw new UsageError(`${nameOf(file)} has a callbackUrl: leave out --callback`);
  if (settings.options && 'options' in value) {
    const names = Object.keys(settings.options).join(', ');
    throw new UsageError(`${nameOf(file)} has options: add to them, and leave out what sets ${names}`);
  }
  const rest = text.slice(text.indexOf('{') + 1);
  return `{${added}${Object.keys(value).length === 0 ? '' : ','}${rest}`;
}

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CommandError(EXIT.error, `${nameOf(file)} is not valid JSON: ${(error as Error).message}`);
  }
}
