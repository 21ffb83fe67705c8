/** The lanes of one queue: so many chunks at once, and a spare one for each that only waits for slow jobs. */
import { type RunChunkDeps, runChunk } from '../pipeline/run-chunk.ts';
import { setApart } from '../pipeline/set-apart.ts';
import type { ChunkMessage } from '../queue/messages.ts';
import type { Claim, Lanes } from '../queue/queue.ts';

/** Each spare lane may hold a chunk in memory. */
const MAX_SPARE_LANES = 32;

/** What `stop` ends: resolves when every lane has given back what it had. */
export function startChunkLanes(
  deps: RunChunkDeps & { concurrency: number },
  queue: string,
): Pick<Lanes, 'stop'> {
  let spare = 0;

  async function work(claim: Claim<ChunkMessage>): Promise<void> {
    let hasSpare = false;
    let ended = false;
    // Others wait, and this lane starts nothing more: what still runs in it must not keep its place.
    const onYield = () => {
      if (ended || spare >= MAX_SPARE_LANES || deps.draining.aborted) return;
      spare++;
      hasSpare = true;
      lanes.addSlot();
    };
    try {
      // A message that was taken before and not settled had a worker that died of it, perhaps.
      if (claim.retryCount > 0) await setApart(deps, queue, claim);
      else await runChunk({ ...deps, onYield }, queue, claim);
    } finally {
      ended = true;
      if (hasSpare) {
        spare--;
        lanes.removeSlot();
      }
    }
  }

  // One lane leaves the first chunks to the others, so that the tails of large batches never starve.
  const forTails = deps.concurrency > 1 ? 1 : 0;
  const lanes = deps.queue.chunkLanes(queue, work, { lanes: deps.concurrency - forTails });
  const tailLane = forTails ? deps.queue.chunkLanes(queue, work, { lanes: 1, maxPriority: -1 }) : null;

  return {
    async stop() {
      await Promise.all([lanes.stop(), tailLane?.stop()]);
    },
  };
}
