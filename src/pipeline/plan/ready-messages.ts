import { batchPriority } from '../../domain/batch-options.ts';
import type { Cascade } from '../../domain/plan/cascade.ts';
import { ACTION_DEFAULTS } from '../../plugin/action.ts';
import type { ChunkMessage } from '../../queue/messages.ts';
import type { Registry } from '../../registry/registry.ts';
import type { BatchWithActions } from '../../store/batches.ts';

/** Jobs of one message: about 10 KB of indexes, and the work of a chunk. */
const JOBS_AT_ONCE = 1000;

/** The messages of jobs that wait no longer: by action, whatever their chunks are. */
export function readyMessages(
  {
    batchId,
    batch: { tenant, generation, actions, options },
    registry,
  }: { batchId: string; batch: BatchWithActions; registry: Registry },
  cascade: Cascade,
): { queueName: string; message: ChunkMessage }[] {
  const priority = batchPriority(options);
  const byAction = Map.groupBy(cascade.ready, (index) => actions[cascade.actionOf(index) ?? -1] ?? '');
  return [...byAction].flatMap(([action, indexes]) => {
    // A job whose action is gone fails in any lane.
    const [namespace = '', ...name] = action.split('.');
    const queueName = registry.get(namespace, name.join('.'))?.queue ?? ACTION_DEFAULTS.queue;
    indexes.sort((a, b) => a - b);
    return slices(indexes).map((slice) => {
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

function slices(indexes: readonly number[]): number[][] {
  return Array.from({ length: Math.ceil(indexes.length / JOBS_AT_ONCE) }, (_, at) =>
    indexes.slice(at * JOBS_AT_ONCE, (at + 1) * JOBS_AT_ONCE),
  );
}
