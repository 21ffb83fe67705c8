/** Options and arguments that several commands have. */
import { InvalidArgumentError, Option } from 'commander';

/** For commands that print many rows. */
export const ROW_FORMATS = ['table', 'json', 'ndjson', 'csv'] as const;
/** For commands that print one thing. */
export const ONE_FORMATS = ['table', 'json'] as const;
export type RowFormat = (typeof ROW_FORMATS)[number];
export type OneFormat = (typeof ONE_FORMATS)[number];

/** `--format`; a table when absent. */
export function formatOption(formats: readonly RowFormat[]): Option {
  return new Option('--format <format>', 'how the data is printed').choices(formats).default('table');
}

/** For commander: the value of an option that counts. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value < 1e9) return value;
  throw new InvalidArgumentError('It must be a number above 0.');
}

/** For commander: the priority of a batch. */
export function priority(text: string): number {
  if (/^-?\d{1,3}$/.test(text) && Math.abs(Number(text)) <= 100) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from -100 to 100.');
}

/** For commander: a whole number from 1. */
export function count(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1.');
}

/** For commander: the errorCode of a failed job. */
export function errorCode(text: string): number {
  if (/^[1-9]\d\d$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a number of three digits, such as 503.');
}
