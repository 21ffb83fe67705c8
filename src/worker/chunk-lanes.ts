/** The lanes of one queue: so many chunks at once, and a spare one for each that only waits for slow jobs. */
import { type RunChunkDeps, runChunk } from '../pipeline/run-chunk.ts';
import { setApart } from '../pipeline/set-apart.ts';
import type { ChunkMessage } from '../queue/messages.ts';
import type { Claim, Lane } from '../queue/queue.ts';

/** Each spare lane may hold a chunk in memory. */
const MAX_SPARE_LANES = 32;

export function startChunkLanes(deps: RunChunkDeps & { concurrency: number }, queue: string): Lane {
  const lanes = new Set<Lane>();
  let spare = 0;

  function addLane(maxPriority?: number): Lane {
    const lane = deps.queue.chunkLane(queue, work, maxPriority === undefined ? {} : { maxPriority });
    lanes.add(lane);
    return lane;
  }

  async function work(claim: Claim<ChunkMessage>): Promise<void> {
    let extra: Lane | undefined;
    let ended = false;
    // Others wait, and this lane starts nothing more: what still runs in it must not keep its place.
    const onYield = () => {
      if (ended || spare >= MAX_SPARE_LANES || deps.draining.aborted) return;
      spare++;
      extra = addLane();
    };
    try {
      // A message that was taken before and not settled had a worker that died of it, perhaps.
      if (claim.retryCount > 0) await setApart(deps, queue, claim);
      else await runChunk({ ...deps, onYield }, queue, claim);
    } finally {
      ended = true;
      if (extra) void retire(extra);
    }
  }

  /** The spare lane ends with the message it has in hand, and counts until then. */
  async function retire(lane: Lane): Promise<void> {
    await lane.stop();
    spare--;
    lanes.delete(lane);
  }

  for (let number = 0; number < deps.concurrency; number++)
    // One lane leaves the first chunks to the others, so that the tails of large batches never starve.
    addLane(deps.concurrency > 1 && number === deps.concurrency - 1 ? -1 : undefined);

  return {
    async stop() {
      await Promise.all([...lanes].map((lane) => lane.stop()));
    },
  };
}
