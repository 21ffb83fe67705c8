/** Runs jobs again: all that have not succeeded, or a selection of them. */
import type { Batch, RestartSelection } from '../../../client/index.ts';
import { confirm } from '../../components/confirm.tsx';
import { report } from '../../components/toasts.tsx';
import { count, counted } from '../../state/format.ts';
import { client } from '../../state/session.ts';

export function isEnded({ state }: Batch): boolean {
  return state === 'completed' || state === 'cancelled';
}

/**
 * Asks, and runs the selected jobs again.
 *
 * @param jobs the number of jobs that the selection has
 * @param onRestarted called when they run
 */
export async function restart(
  batch: Batch,
  selection: RestartSelection,
  jobs: number,
  onRestarted: () => void,
): Promise<void> {
  const callback = batch.callback ? ' The callback is sent again at the end.' : '';
  const isSure = await confirm({
    title: `Run ${counted(jobs, 'job')} again?`,
    text: `${jobs === 1 ? 'Its result is' : 'Their results are'} replaced. The ${count(batch.counts.succeeded)} that succeeded keep theirs.${callback}`,
    action: `Run ${counted(jobs, 'job')} again`,
    kind: 'main',
  });
  if (!isSure) return;
  const { state } = (await client.value?.batches.restart(batch.asyncId, selection)) ?? batch;
  const runs = state === 'queued' || state === 'running';
  report(runs ? `${counted(jobs, 'job')} run again.` : 'Nothing was left to run again.');
  onRestarted();
}
