/** The demo's output, on standard output. */
import { type Options, SingleBar } from 'cli-progress';
import type { Batch, Callback } from '../client/index.ts';
import type { DemoEvent, Outcome } from './jobs.ts';
import type { ReceivedCallback } from './receiver.ts';

const MARGIN = 12;

function line(label: string, text: string): void {
  process.stdout.write(`${label.padEnd(MARGIN)}${text}\n`);
}

export function started(url: string, receiverUrl: string, ms: number): void {
  line('started', `API, worker and an empty Postgres in ${seconds(ms)}: ${url}`);
  line('', `a receiver for the callback: ${receiverUrl}`);
}

export function created(event: DemoEvent, contacts: readonly number[]): void {
  line('created', `event ${event.id}, ${event.name}, with ${event.races.length} races, by a call of its own`);
  line('', `${contacts.length} contacts, by a first batch`);
}

/** A line of an example's story. */
export function told(text: string): void {
  line('', text);
}

export interface Bar {
  update(batch: Batch): void;
  stop(): void;
}

export function progressBar(asyncId: string, jobs: number): Bar {
  line('batch', `${jobs} jobs, asyncId ${asyncId}`);
  const bar = new SingleBar({
    format: `${'progress'.padEnd(MARGIN)}{bar} {percentage} % | {ended} of ${jobs} jobs`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    // Signals end the demo elsewhere, and with it the bar.
    gracefulExit: false,
    stream: process.stdout,
    noTTYOutput: true,
    notTTYSchedule: 1000,
  } satisfies Options);
  bar.start(100, 0, { ended: 0 });
  return {
    update({ progress, counts }) {
      bar.update(progress, { ended: counts.succeeded + counts.failed + counts.cancelled + counts.skipped });
    },
    stop: () => bar.stop(),
  };
}

export function results({ succeeded, failed, links, stored, storingJobs }: Outcome): void {
  line('results', `${succeeded} succeeded, ${failed.length} failed`);
  line('', `invitations: ${links.length}, such as ${links[0]}`);
  line('', `participants: ${stored.toLocaleString('en')} stored by ${storingJobs} jobs`);
  for (const { namespace, action, response } of failed)
    line('', `failed, as it should: ${namespace}.${action}: ${response.errorCode} ${response.message}`);
}

export function received({ headers, body }: ReceivedCallback): void {
  line('callback', `${body.length.toLocaleString('en')} bytes`);
  for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature'])
    line('', `${name}: ${headers[name]}`);
}

export function verified({ results: delivered, ...head }: Callback): void {
  line('', 'signature verified');
  line('', `${delivered.length} results, and ${JSON.stringify(head)}`);
}

export function stopped(ms: number): void {
  line('stopped', `all of it, and the data removed, after ${seconds(ms)}`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
