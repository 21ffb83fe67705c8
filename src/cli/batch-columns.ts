/** How batches are shown. */
import type { Batch, Counts } from '../client/index.ts';
import { counted } from '../domain/counted.ts';
import type { Column, Style } from './table.ts';

const STATE_STYLES: Record<string, Style> = { completed: 'green', cancelled: 'yellow', running: 'cyan' };

/** What has ended without a success. */
function unsuccessful({ total, succeeded, pending, running, ...others }: Counts): number {
  const { waiting = 0 } = others as { waiting?: number };
  return total - succeeded - pending - running - waiting;
}

const state: Column<Batch> = {
  title: 'state',
  value: (batch) => (batch.paused ? `${batch.state}, paused` : batch.state),
  style: (batch) => STATE_STYLES[batch.state],
};
const progress: Column<Batch> = { title: 'progress', value: (batch) => `${batch.progress} %` };
const createdAt: Column<Batch> = { title: 'created', value: (batch) => batch.createdAt };

const name: Column<Batch> = { title: 'name', value: (batch) => batch.name };

export const listColumns: readonly Column<Batch>[] = [
  { title: 'asyncId', value: ({ asyncId }) => asyncId },
  state,
  progress,
  { title: 'jobs', value: ({ counts }) => counts.total },
  {
    title: 'not succeeded',
    value: ({ counts }) => unsuccessful(counts),
    style: ({ counts }) => (unsuccessful(counts) > 0 ? 'red' : undefined),
  },
  createdAt,
  { title: 'finished', value: ({ finishedAt }) => finishedAt },
  name,
];

export const batchFields: readonly Column<Batch>[] = [
  { title: 'asyncId', value: ({ asyncId }) => asyncId },
  name,
  { title: 'metadata', value: ({ metadata }) => metadata && JSON.stringify(metadata) },
  state,
  progress,
  { title: 'jobs', value: ({ counts }) => countsText(counts) },
  { title: 'stopped by', value: ({ stoppedBy }) => stoppedBy },
  { title: 'priority', value: (batch) => batch.priority },
  createdAt,
  { title: 'starts at', value: ({ startAt, startedAt }) => (startedAt ? null : startAt) },
  { title: 'deadline', value: ({ deadlineAt, finishedAt }) => (finishedAt ? null : deadlineAt) },
  { title: 'started', value: ({ startedAt }) => startedAt },
  { title: 'finished', value: ({ finishedAt }) => finishedAt },
  { title: 'deleted after', value: ({ expiresAt }) => expiresAt },
  { title: 'callback', value: ({ callback }) => callback?.url },
  {
    title: 'callback state',
    value: ({ callback }) => callback && `${callback.state}, ${counted(callback.attempts, 'attempt')}`,
  },
  { title: 'waits for', value: ({ waitingFor }) => waitingFor && JSON.stringify(waitingFor) },
];

/** `10,000 jobs: 9,998 succeeded, 2 failed` */
export function countsText({ total, ...counts }: Counts): string {
  const parts = Object.entries(counts).filter(([, number]) => number > 0);
  const text = parts.map(([name, number]) => `${number.toLocaleString('en')} ${name}`).join(', ');
  return `${total.toLocaleString('en')}${text === '' ? '' : `: ${text}`}`;
}

export function hasFailures({ counts }: Batch): boolean {
  return counts.succeeded < counts.total;
}
