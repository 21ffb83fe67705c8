/**
 * Clients that request large answers and do not read them, and clients that send their bodies very slowly.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { residentMegabytes } from '../../support/processes.ts';
import { until } from '../../support/until.ts';
import type { Chaos, Finding, Program } from '../program.ts';
import { notes } from '../support/jobs.ts';
import { repeat } from '../support/repeat.ts';
import { type System, startSystem } from '../support/system.ts';

/** Far more than the systems on both sides buffer for a connection. */
const JOBS = 20_000;
const PADDING = 'x'.repeat(900);
const OTHERS_MS = 10_000;
const LET_GO_MS = 120_000;
const MEGABYTES = 500;

export const program: Program = {
  id: 'R18',
  title: 'readers that do not read, senders that trickle',
  async run(chaos: Chaos): Promise<Finding[]> {
    const { scale, signal, say } = chaos;
    const clients = scale(200, 100);
    await using system = await startSystem(chaos);
    const asyncId = await system.take(notes(JOBS, { padding: PADDING }));
    await until(async () => (await system.api.batch(asyncId))?.state === 'completed', {
      signal,
      everyMs: 200,
    });
    const idle = residentMegabytes([system.main().pid]);
    const sockets = [
      ...Array.from({ length: clients }, () => doNotRead(system, asyncId)),
      ...Array.from({ length: clients }, () => trickle(system)),
    ];
    const open = new Set(sockets);
    for (const socket of sockets) socket.once('close', () => open.delete(socket));
    const since = performance.now();
    let most = 0;
    const waits: number[] = [];
    await using serving = repeat(1_000, async () => {
      const begun = performance.now();
      const small = await system.take(notes(5));
      await until(async () => (await system.api.batch(small))?.state === 'completed', {
        signal,
        everyMs: 50,
      });
      waits.push(performance.now() - begun);
    });
    const limit = AbortSignal.any([signal, AbortSignal.timeout(LET_GO_MS)]);
    await until(
      () => {
        most = Math.max(most, residentMegabytes([system.main().pid]));
        return open.size === 0;
      },
      { signal: limit, everyMs: 200 },
    ).catch(() => signal.throwIfAborted());
    const seconds = (performance.now() - since) / 1000;
    say(`${open.size} connections left after ${seconds.toFixed(0)} s`);
    await serving.stop();
    const left = open.size;
    for (const socket of open) socket.destroy();
    await wait(100, undefined, { signal });
    const slowest = Math.max(...waits);
    return [
      {
        done: `${clients} clients ask for the results of ${JOBS} jobs and do not read, ${clients} send a body drop by drop`,
        must: 'all are let go within 2 minutes',
        came: `${left} are left after ${seconds.toFixed(0)} s`,
        held: left === 0,
      },
      {
        done: `${waits.length} batches of others meanwhile`,
        must: 'taken and done within 10 s each',
        came: `the slowest within ${(slowest / 1000).toFixed(1)} s`,
        held: waits.length > 0 && slowest <= OTHERS_MS,
      },
      {
        done: '',
        must: `the API takes at most ${MEGABYTES} MB more than before`,
        came: `${(most - idle).toFixed(0)} MB more than ${idle.toFixed(0)}`,
        held: most - idle <= MEGABYTES,
      },
      ...(await system.checker.conclude('all of these batches', { withinMs: 60_000, signal })),
      system.alive(''),
    ];
  },
};

/** Requests the results and does not read: the system buffers some megabytes and then stops. */
function doNotRead({ api }: System, asyncId: string): Socket {
  const socket = open(api.url);
  socket.write(
    `GET /v1/batches/${asyncId}/results HTTP/1.1\r\nhost: chaos\r\naccept: application/x-ndjson\r\nauthorization: Bearer ${api.key}\r\n\r\n`,
  );
  socket.pause();
  // A paused socket does not report its end; a write error reports a dead connection.
  const probe = setInterval(() => socket.write('\r\n'), 2_000);
  socket.once('close', () => clearInterval(probe));
  return socket;
}

/** Sends one byte per second of a body that it announces as long. */
function trickle({ api }: System): Socket {
  const socket = open(api.url);
  socket.write(
    `POST /v1/batches HTTP/1.1\r\nhost: chaos\r\ncontent-type: application/x-ndjson\r\ncontent-length: 100000\r\nauthorization: Bearer ${api.key}\r\n\r\n`,
  );
  socket.resume();
  const timer = setInterval(() => socket.write(' '), 1_000);
  socket.once('close', () => clearInterval(timer));
  return socket;
}

function open(url: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => socket.destroy());
  return socket;
}
