import type { System } from './system.ts';
import { waitFor } from './wait.ts';

export interface Witnesses {
  /** Two jobs that wait; to run beside those that a cancel finds running, in the same chunk. */
  jobs: object[];
  /** Resolves when both run, beside so many others. */
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
export function witnesses(action: 'test.behave' | 'work.attempt', name: string): Witnesses {
  const [namespace = '', called = ''] = action.split('.');
  const gates = [`${name}: first witness`, `${name}: second witness`];
  const countsOf = async (
    system: System,
    asyncId: string,
  ): Promise<Record<'running' | 'succeeded', number>> =>
    (await system.rpc('progress', { async: asyncId })).body.counts;
  return {
    jobs: gates.map((gate) => ({ namespace, action: called, params: { gate } })),
    async running(system, asyncId, others) {
      await waitFor(async () => (await countsOf(system, asyncId)).running === others + gates.length, {
        what: `${others} running jobs and the witnesses`,
      });
    },
    async cancelKnown(system, asyncId) {
      for (const gate of gates) {
        const { succeeded } = await countsOf(system, asyncId);
        await system.pool.query(`insert into ${namespace}.gate (name) values ($1)`, [gate]);
        await waitFor(async () => (await countsOf(system, asyncId)).succeeded > succeeded, {
          what: `the end of the ${gate}`,
        });
      }
    },
  };
}
