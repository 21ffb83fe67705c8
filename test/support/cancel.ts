import type { System } from './system.ts';
import { waitFor } from './wait.ts';

export interface Witnesses {
  /** Two jobs that wait; to run beside those that a cancel finds running, in the same chunk. */
  jobs: object[];
  /** Resolves when both run, beside so many others, and callers are told that the batch runs. */
  running(system: System, asyncId: string, others: number): Promise<void>;
  /** Resolves when the lane knows of the cancel that was answered: no further job of the batch is started. */
  cancelKnown(system: System, asyncId: string): Promise<void>;
}

/**
 * A lane hears of a cancel a moment after the caller was answered, and may start a few jobs in between. The two
 * jobs end one after the other: with what comes of the first the lane is told of the cancel, and only after that
 * does it settle what comes of the second.
 *
 * @param action one with slots that the batch's other jobs leave alone
 */
export function controlJobs(action: 'test.behave' | 'work.attempt', name: string): Witnesses {
  const [namespace = '', called = ''] = action.split('.');
  const gates = [`${name}: first controlJob`, `${name}: second controlJob`];
  return {
    jobs: gates.map((gate) => ({ namespace, action: called, params: { gate } })),
    async running(system, asyncId, others) {
      await waitFor(
        async () => {
          const { state, counts } = await statusOf(system, asyncId);
          return state === 'running' && counts.running === others + gates.length;
        },
        { what: `${others} running jobs and the controlJobs` },
      );
    },
    async cancelKnown(system, asyncId) {
      for (const gate of gates) {
        const before = (await statusOf(system, asyncId)).counts.succeeded;
        await system.pool.query(`insert into ${namespace}.gate (name) values ($1)`, [gate]);
        await waitFor(async () => (await statusOf(system, asyncId)).counts.succeeded > before, {
          what: `the end of the ${gate}`,
        });
      }
    },
  };
}

interface Status {
  state: string;
  counts: { running: number; succeeded: number };
}

async function statusOf(system: System, asyncId: string): Promise<Status> {
  return (await system.rpc('progress', { async: asyncId })).body;
}
