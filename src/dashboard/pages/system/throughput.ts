/** Jobs a second of all workers, gathered from their reports while the page is open. */
import { useEffect, useState } from 'preact/hooks';
import type { System } from '../../../client/index.ts';

type Worker = Pick<System['workers'][number], 'id' | 'seenAt' | 'jobsFinished'>;

interface Throughput {
  /** Seconds since 1970. */
  times: readonly number[];
  /** Jobs a second at these times. */
  values: readonly number[];
  /** The newest value. */
  now: number;
}

/** Two hours of reports. */
const MOST_POINTS = 1_440;
const NOTHING: Throughput = { times: [], values: [], now: 0 };

/** @param system the newest answer; a new object for each */
export function useThroughput(system: System | undefined): Throughput {
  const [known, setKnown] = useState<{ throughput: Throughput; reports: Reports }>({
    throughput: NOTHING,
    reports: new Map(),
  });
  useEffect(() => {
    if (!system) return;
    setKnown(({ throughput, reports }) => {
      const next = nextReports(reports, system.workers);
      if (next === reports) return { throughput, reports };
      const now = [...next.values()].reduce((sum, { perSecond }) => sum + perSecond, 0);
      return { throughput: withPoint(throughput, Date.now() / 1_000, now), reports: next };
    });
  }, [system]);
  return known.throughput;
}

type Reports = ReadonlyMap<string, Worker & { perSecond: number }>;

/** The newest report of each worker that lives, with its jobs a second since the one before; the same when none is new. */
function nextReports(reports: Reports, workers: readonly Worker[]): Reports {
  const isSame =
    workers.length === reports.size && workers.every(({ id, seenAt }) => reports.get(id)?.seenAt === seenAt);
  if (isSame) return reports;
  return new Map(
    workers.map(({ id, seenAt, jobsFinished }) => {
      const before = reports.get(id);
      if (before?.seenAt === seenAt) return [id, before];
      const seconds = before ? (Date.parse(seenAt) - Date.parse(before.seenAt)) / 1_000 : 0;
      const perSecond = before && seconds > 0 ? (jobsFinished - before.jobsFinished) / seconds : 0;
      return [id, { id, seenAt, jobsFinished, perSecond }];
    }),
  );
}

function withPoint({ times, values }: Throughput, at: number, now: number): Throughput {
  return {
    times: [...times, at].slice(-MOST_POINTS),
    values: [...values, now].slice(-MOST_POINTS),
    now,
  };
}
