import type { System } from './system.ts';
import { waitFor } from './wait.ts';

export interface Witnesses {
  /** Two jobs that wait, to run in the same chunk beside those that a cancel finds running. */
  jobs: object[];
  /** Resolves when both run, beside this many others, and callers see the batch as running. */
  running(system: System, asyncId: string, others: number): Promise<void>;
  /** Resolves when the lane knows of the cancel: no further job of the batch is started. */
  cancelKnown(system: System, asyncId: string): Promise<void>;
}

/**
 * A lane learns of a cancel a moment after the caller was answered, and may start a few jobs in between. The
 * two jobs end one after the other: settling the first informs the lane of the cancel, and only then does it
 * settle the second.
 *
 * @param action one whose slots the batch's other jobs do not use
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
