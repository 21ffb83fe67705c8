/** A batch from a JSON file, as the text that is sent: large numbers keep their digits. */

import { type ActionName, jobText } from '../../json/job-text.ts';
import { splitArray } from '../../json/split.ts';
import { CommandError, EXIT, UsageError } from '../exit.ts';
import { nameOf, textOf } from './open-input.ts';

/**
 * The body of a batch from a file with such a body, an array of jobs, or, with an action, an array of params.
 *
 * @param callbackUrl added to it
 */
export async function jsonBatch(
  file: string,
  action: ActionName | undefined,
  callbackUrl: string | undefined,
): Promise<string> {
  const text = await textOf(file);
  const value = parsed(text, file);
  const callback = callbackUrl === undefined ? '' : `"callbackUrl":${JSON.stringify(callbackUrl)}`;
  if (Array.isArray(value)) {
    const jobs = action ? `[${splitArray(text).map((params) => jobText(action, params))}]` : text;
    return `{"jobs":${jobs}${callback && `,${callback}`}}`;
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
  if (callback === '') return text;
  if ('callbackUrl' in value) throw new UsageError(`${nameOf(file)} has a callbackUrl: leave out --callback`);
  const rest = text.slice(text.indexOf('{') + 1);
  return `{${callback}${Object.keys(value).length === 0 ? '' : ','}${rest}`;
}

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CommandError(EXIT.error, `${nameOf(file)} is not valid JSON: ${(error as Error).message}`);
  }
}
