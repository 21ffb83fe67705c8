/** A batch: how far it is, what failed and why, its jobs, its callback, and what can be done with it. */
import type { Batch } from '../../../client/index.ts';
import { CopyButton } from '../../components/button.tsx';
import { Heading } from '../../components/heading.tsx';
import { Loaded } from '../../components/notice.tsx';
import { State } from '../../components/state.tsx';
import type { Page } from '../../page.ts';
import { useLiveBatch } from '../../state/live-batch.ts';
import { useRefusal } from '../../state/own-key.ts';
import { BatchButtons } from './buttons.tsx';
import { CallbackAttempts } from './callback.tsx';
import { Errors } from './errors.tsx';
import { Facts } from './facts.tsx';
import { Jobs } from './jobs.tsx';
import { Plots } from './plots.tsx';
import { Summary } from './summary.tsx';

function BatchView({ asyncId = '' }: { asyncId?: string }) {
  const live = useLiveBatch(asyncId);
  const { data } = live;
  const refusal = useRefusal(data);
  return (
    <>
      <Heading
        above={[{ text: 'Batches', href: '#/batches' }]}
        title={<bdi class="mono title-id">{asyncId}</bdi>}
        buttons={data && <BatchButtons batch={data} refusal={refusal} onChanged={live.reload} />}
      >
        {data && <CopyButton text={() => asyncId} label="Copy the asyncId" />}
        {data && <State name={data.state} />}
        {data?.paused && <span class="tag warn">paused</span>}
      </Heading>
      <p class="hidden" role="status">
        {data && announcement(data)}
      </p>
      <Loaded resource={live} what="batch">
        {(batch) => (
          <>
            {refusal && <p class="refusal">{refusal}</p>}
            <Facts batch={batch} />
            <Summary batch={batch} />
            <Plots batch={batch} />
            <Errors batch={batch} refusal={refusal} onRestarted={live.reload} />
            <Jobs batch={batch} refusal={refusal} onRestarted={live.reload} />
            {batch.callback && (
              <CallbackAttempts batch={batch} callback={batch.callback} onAttempt={live.reload} />
            )}
          </>
        )}
      </Loaded>
    </>
  );
}

/** What screen readers say: not each per cent. */
function announcement({ state, progress, counts, paused }: Batch): string {
  if (paused) return 'paused';
  if (state === 'running' || state === 'queued') return `${state}, ${progress - (progress % 10)} %`;
  return `${state}: ${counts.succeeded} succeeded, ${counts.failed} failed`;
}

export const batchPage: Page = {
  path: '/batches/:asyncId',
  title: ({ asyncId = '' }) => `Batch …${asyncId.slice(-8)}`,
  View: BatchView,
};
