/** Tells the other processes that this worker lives, and what it works on. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Pool } from 'pg';
import type { Log } from '../../domain/log.ts';
import { deleteGoneWorkers, deleteWorker, saveWorker } from '../../store/workers.ts';
import { chunkClaimed, chunkEnded, jobsEnded } from '../../telemetry/events.ts';

const EVERY_MS = 5_000;
/** Messages shown; a worker rarely has more in hand. */
const MAX_SHOWN = 100;

interface InHand {
  queue: string;
  asyncId: string;
  chunk: number;
  attempt: number;
  since: Date;
}

/** Begins at once, without waiting for the database. */
export function startPresence(options: {
  pool: Pool;
  log: Pick<Log, 'warn'>;
  version: string;
  concurrency: number;
}): { stop(): Promise<void> } {
  const { pool, log, version, concurrency } = options;
  const id = randomUUID();
  const inHand = new Map<string, InHand>();
  const keyOf = ({ queue, asyncId, chunk, attempt }: Omit<InHand, 'since'>) =>
    `${queue} ${asyncId} ${chunk} ${attempt}`;
  let jobsFinished = 0;
  const ignore = [
    jobsEnded.listen(({ results }) => {
      jobsFinished += results.length;
    }),
    chunkClaimed.listen((fields) => inHand.set(keyOf(fields), { ...fields, since: new Date() })),
    chunkEnded.listen(({ end: _, ...fields }) => inHand.delete(keyOf(fields))),
  ];
  let saving: Promise<void> = Promise.resolve();
  let isSaving = false;
  let isLate = false;

  async function save(): Promise<void> {
    const running = JSON.stringify([...inHand.values()].slice(0, MAX_SHOWN));
    try {
      await saveWorker(pool, {
        id,
        host: hostname(),
        pid: process.pid,
        version,
        concurrency,
        jobsFinished,
        running,
      });
      await deleteGoneWorkers(pool);
      isLate = false;
    } catch (error) {
      // One line for an outage: other parts report it too.
      if (!isLate) log.warn({ err: error }, 'this worker could not report that it lives');
      isLate = true;
    }
  }

  function begin(): void {
    if (isSaving) return;
    isSaving = true;
    saving = save().finally(() => {
      isSaving = false;
    });
  }
  begin();
  const timer = setInterval(begin, EVERY_MS);
  return {
    async stop() {
      clearInterval(timer);
      for (const end of ignore) end();
      await saving;
      // Its row is deleted by another worker when the database is away.
      await deleteWorker(pool, id).catch(() => {});
    },
  };
}
