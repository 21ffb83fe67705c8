/** The circumstances of the figures, one line each. */
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { peerVersion } from './peer.ts';
import { redisVersion } from './redis.ts';

/** The load of an otherwise idle machine is below this when the benchmark begins. */
const IDLE_LOAD = 0.5;

export interface Circumstances {
  /** Call it after the measurements. */
  lines(): string[];
}

/** @param others versions of what is measured beside the product */
export function circumstances(postgresVersion: string, others: readonly string[] = []): Circumstances {
  const startedAt = new Date();
  const before = loadavg();
  const versions = [`Node ${process.versions.node}`, `Postgres ${postgresVersion}`, ...others];
  return {
    lines: () => [
      loadLine(before, loadavg()),
      `${startedAt.toISOString().slice(0, 16).replace('T', ' ')} UTC, ${minutes(startedAt)} minutes`,
      `${cpus().length} × ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}`,
      versions.join(', '),
      'Postgres with the settings of initdb: fsync, synchronous_commit and full_page_writes are on',
    ],
  };
}

/** Of what the benchmark compares with. */
export async function peerVersions(): Promise<string[]> {
  const peers = ['pg-boss', 'graphile-worker', 'bullmq', 'ioredis'];
  const packages = peers.map(async (name) => `${name} ${(await peerVersion(name)) ?? 'not installed'}`);
  return [`Redis ${(await redisVersion()) ?? 'not installed'}`, ...(await Promise.all(packages))];
}

function minutes(since: Date): string {
  return ((Date.now() - since.getTime()) / 60_000).toFixed(1);
}

function loadLine(before: number[], after: number[]): string {
  const [atStart = 0] = before;
  const averages = (load: number[]) => load.map((value) => value.toFixed(2)).join(' ');
  const line = `load average (1, 5, 15 minutes): ${averages(before)} at the start, ${averages(after)} at the end`;
  if (atStart < IDLE_LOAD) return line;
  return `**The machine was doing other work too: the figures are affected.** ${line}`;
}
