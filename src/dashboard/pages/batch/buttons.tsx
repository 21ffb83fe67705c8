/** What can be done with a batch. Each button asks once more where it destroys or repeats something. */
import type { Batch } from '../../../client/index.ts';
import { Button } from '../../components/button.tsx';
import { confirm } from '../../components/confirm.tsx';
import { report } from '../../components/toasts.tsx';
import { count, counted } from '../../state/format.ts';
import { client } from '../../state/session.ts';
import { ExportButton } from './export.tsx';
import { isEnded, restart } from './restart.ts';

export function BatchButtons({ batch, onChanged }: { batch: Batch; onChanged: () => void }) {
  const { asyncId, counts, callback } = batch;
  const unsuccessful = counts.total - counts.succeeded;

  const cancel = async () => {
    const isSure = await confirm({
      title: 'Cancel this batch?',
      text: `${counted(counts.pending, 'job')} will not start. Jobs that run now go on to their end. Results stay.`,
      action: 'Cancel the batch',
    });
    if (!isSure) return;
    const { state } = (await client.value?.batches.cancel(asyncId)) ?? batch;
    report(state === 'cancelled' ? 'The batch is cancelled.' : 'The batch had already ended.');
  };
  const repost = async () => {
    const isSure = await confirm({
      title: 'Send the callback again?',
      text: (
        <>
          All {count(counts.total)} results go to <bdi>{callback?.url}</bdi> once more, under the same
          webhook-id.
        </>
      ),
      action: 'Send it again',
      kind: 'main',
    });
    if (!isSure) return;
    await client.value?.batches.repost(asyncId);
    report('The callback is sent again.');
    onChanged();
  };

  return (
    <>
      {!isEnded(batch) && (
        <Button icon="stop" kind="danger" onPress={cancel}>
          Cancel
        </Button>
      )}
      {isEnded(batch) && unsuccessful > 0 && (
        <Button icon="restart" onPress={() => restart(batch, {}, unsuccessful, onChanged)}>
          Run {count(unsuccessful)} again
        </Button>
      )}
      {isEnded(batch) && callback && (
        <Button icon="send" onPress={repost}>
          Repost
        </Button>
      )}
      <ExportButton batch={batch} />
    </>
  );
}
