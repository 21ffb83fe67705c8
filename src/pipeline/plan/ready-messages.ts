import { batchPriority } from '../../domain/batch-options.ts';
import type { Cascade } from '../../domain/plan/cascade.ts';
import type { Bounds } from '../../domain/plan/plan.ts';
import { ACTION_DEFAULTS } from '../../plugin/action.ts';
import type { ChunkMessage } from '../../queue/messages.ts';
import type { Registry } from '../../registry/registry.ts';
import type { BatchWithActions } from '../../store/batches.ts';

/** Jobs of one message: of a thousand chains, one half is settled while the other runs. A message costs some ms at any size. */
const JOBS_AT_ONCE = 500;
/** Their texts are in memory together: those of so many chunks, which have a MiB, or one job. */
const CHUNKS_AT_ONCE = 4;

/** The messages of jobs that wait no longer: by action, whatever their chunks are. */
export function readyMessages(
  {
    batchId,
    batch: { tenant, generation, actions, options },
    bounds,
    registry,
  }: { batchId: string; batch: BatchWithActions; bounds: Bounds; registry: Registry },
  cascade: Cascade,
): { queueName: string; message: ChunkMessage }[] {
  const priority = batchPriority(options);
  const partOfChunk = (index: number) => {
    const chunk = cascade.chunkOf(index);
    return 1 / ((bounds[chunk + 1] ?? 0) - (bounds[chunk] ?? 0));
  };
  const byAction = Map.groupBy(cascade.ready, (index) => actions[cascade.actionOf(index) ?? -1] ?? '');
  return [...byAction].flatMap(([action, indexes]) => {
    // A job whose action is gone fails in any lane.
    const [namespace = '', ...name] = action.split('.');
    const queueName = registry.get(namespace, name.join('.'))?.queue ?? ACTION_DEFAULTS.queue;
    indexes.sort((a, b) => a - b);
    return slices(indexes, partOfChunk).map((slice) => {
      const chunks = [...new Set(slice.map((index) => cascade.chunkOf(index)))];
      const message: ChunkMessage = {
        batch: batchId,
        tenant,
        action,
        chunk: chunks[0] ?? 0,
        ...(chunks.length > 1 ? { chunks } : {}),
        generation,
        attempt: 1,
        indexes: slice,
        isPlanned: true,
        priority,
      };
      return { queueName, message };
    });
  });
}

function slices(indexes: readonly number[], partOfChunk: (index: number) => number): number[][] {
  const all: number[][] = [];
  let chunks = Number.POSITIVE_INFINITY;
  for (const index of indexes) {
    const part = partOfChunk(index);
    const last = all.at(-1);
    if (last && last.length < JOBS_AT_ONCE && chunks + part <= CHUNKS_AT_ONCE) last.push(index);
    else {
      all.push([index]);
      chunks = 0;
    }
    chunks += part;
  }
  return all;
}
