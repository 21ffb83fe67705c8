/** What can be done with a batch. Each button asks once more where it destroys or repeats something. */
import type { Batch } from '../../../client/index.ts';
import { Button } from '../../components/button.tsx';
import { confirm } from '../../components/confirm.tsx';
import { report } from '../../components/toasts.tsx';
import { count, counted } from '../../state/format.ts';
import { go } from '../../state/place.ts';
import { client } from '../../state/session.ts';
import { ExportButton } from './export.tsx';
import { isEnded, restart } from './restart.ts';

interface BatchButtonsProps {
  batch: Batch;
  /** Why the key may not change it. */
  refusal: string | undefined;
  onChanged: () => void;
}

export function BatchButtons({ batch, refusal, onChanged }: BatchButtonsProps) {
  const { counts, callback } = batch;
  const isOver = isEnded(batch);
  const unsuccessful = counts.total - counts.succeeded;
  const refused = { disabled: refusal !== undefined, reason: refusal };
  return (
    <>
      {!isOver && <PauseButton batch={batch} refused={refused} />}
      {!isOver && (
        <Button icon="stop" kind="danger" {...refused} onPress={() => cancel(batch)}>
          Cancel
        </Button>
      )}
      {isOver && unsuccessful > 0 && (
        <Button icon="restart" {...refused} onPress={() => restart(batch, {}, unsuccessful, onChanged)}>
          Run {count(unsuccessful)} again
        </Button>
      )}
      {isOver && callback && (
        <Button icon="send" {...refused} onPress={() => repost(batch, onChanged)}>
          Repost
        </Button>
      )}
      <ExportButton batch={batch} />
      {isOver && (
        <Button icon="remove" kind="danger" {...refused} onPress={() => remove(batch)}>
          Delete
        </Button>
      )}
    </>
  );
}

interface PauseButtonProps {
  batch: Batch;
  refused: { disabled: boolean; reason: string | undefined };
}

/** Pausing destroys nothing, and is undone beside it: it asks nothing. */
function PauseButton({ batch: { asyncId, paused }, refused }: PauseButtonProps) {
  const pause = async () => {
    const batch = await client.value?.batches.pause(asyncId);
    report(
      batch?.paused
        ? 'The batch is paused. Jobs that run now go on to their end.'
        : 'The batch ends already.',
    );
  };
  const resume = async () => {
    await client.value?.batches.resume(asyncId);
    report('The batch goes on.');
  };
  return paused ? (
    <Button icon="actions" kind="main" {...refused} onPress={resume}>
      Resume
    </Button>
  ) : (
    <Button icon="pause" {...refused} onPress={pause}>
      Pause
    </Button>
  );
}

async function cancel(batch: Batch): Promise<void> {
  const { pending, waiting } = batch.counts;
  const isSure = await confirm({
    title: 'Cancel this batch?',
    text: `${counted(pending + waiting, 'job')} will not start. Jobs that run now go on to their end. Results stay.`,
    action: 'Cancel the batch',
  });
  if (!isSure) return;
  const { state } = (await client.value?.batches.cancel(batch.asyncId)) ?? batch;
  report(
    state === 'completed' ? 'The batch had already ended.' : 'The batch is cancelled: no further job starts.',
  );
}

async function repost({ asyncId, counts, callback }: Batch, onChanged: () => void): Promise<void> {
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
}

async function remove({ asyncId, counts, callback }: Batch): Promise<void> {
  const isSure = await confirm({
    title: 'Delete this batch?',
    text: `Its ${counted(counts.total, 'job')} and results are gone for everybody, now and for good.${
      callback?.state === 'pending' ? ' Its callback is not sent any more.' : ''
    }`,
    action: 'Delete the batch',
  });
  if (!isSure) return;
  await client.value?.batches.delete(asyncId);
  report('The batch is deleted.');
  go('#/batches');
}
