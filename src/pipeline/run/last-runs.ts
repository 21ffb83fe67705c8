/**
 * The last runs of jobs that wait for another run. Their message carries them, so that a job that is
 * cancelled while it waits keeps the times and the error of its run.
 */
import type { RecordableOutcome } from '../../domain/outcome.ts';

export type LastRun = Pick<RecordableOutcome, 'index' | 'response' | 'startedAt' | 'finishedAt'>;

/** When the texts of a message exceed this length, its error messages are cut. */
const MAX_LENGTH = 256 * 1024;
const MAX_CUT_MESSAGE = 200;

/**
 * JSON text: jsonb, the column type of messages, can hold any text inside a text.
 *
 * @param clock what to add to this process's clock to get the database's, in ms
 */
export function encodeLastRuns(runs: readonly LastRun[], clock: number): string {
  const text = JSON.stringify(runs.map((run) => rowOf(run, clock)));
  return text.length <= MAX_LENGTH ? text : JSON.stringify(runs.map((run) => rowOf(cut(run), clock)));
}

type Row = [index: number, startedAt: number, finishedAt: number, response: string];

function rowOf({ index, response, startedAt, finishedAt }: LastRun, clock: number): Row {
  return [index, (startedAt ?? finishedAt) + clock, finishedAt + clock, response];
}

/** The text for some of its jobs. */
export function lastRunsOf(text: string, indexes: readonly number[]): string {
  const wanted = new Set(indexes);
  return JSON.stringify((JSON.parse(text) as Row[]).filter(([index]) => wanted.has(index)));
}

function cut(run: LastRun): LastRun {
  const { errorCode, message } = JSON.parse(run.response) as { errorCode: number; message: string };
  const short = message.length > MAX_CUT_MESSAGE ? `${message.slice(0, MAX_CUT_MESSAGE)}…` : message;
  return { ...run, response: JSON.stringify({ errorCode, message: short }) };
}

/** By index; times are converted to this process's clock. */
export function decodeLastRuns(text: string | undefined, clock: number): Map<number, LastRun> {
  const rows = text === undefined ? [] : (JSON.parse(text) as Row[]);
  return new Map(
    rows.map(([index, startedAt, finishedAt, response]) => [
      index,
      { index, response, startedAt: startedAt - clock, finishedAt: finishedAt - clock },
    ]),
  );
}
