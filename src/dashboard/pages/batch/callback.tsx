/** The callback of a batch, and the attempts to deliver it. */
import { useEffect, useRef } from 'preact/hooks';
import type { Batch, CallbackAttempt } from '../../../client/index.ts';
import { Loaded } from '../../components/notice.tsx';
import { State } from '../../components/state.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { Ago } from '../../components/time.tsx';
import { useAnswer } from '../../state/answer.ts';
import { duration } from '../../state/format.ts';

const columns: Column<CallbackAttempt>[] = [
  { title: 'Attempt', cell: ({ number }) => number },
  { title: 'After', from: 560, cell: ({ trigger }) => trigger },
  {
    title: 'Answer',
    kind: 'wrap',
    cell: ({ status, error }) => (
      <span class={error === null ? '' : 'bad'}>
        {status ?? ''} <bdi>{error ?? ''}</bdi>
      </span>
    ),
  },
  { title: 'Took', kind: 'number', from: 900, cell: ({ durationMs }) => duration(durationMs) },
  { title: 'When', kind: 'number', cell: ({ attemptedAt }) => <Ago at={attemptedAt} /> },
  {
    title: 'Next',
    kind: 'number',
    from: 560,
    cell: ({ nextAttemptAt }) => (nextAttemptAt === null ? '–' : <Ago at={nextAttemptAt} />),
  },
];

interface CallbackProps {
  batch: Batch;
  callback: NonNullable<Batch['callback']>;
  onAttempt: () => void;
}

export function CallbackAttempts({ batch: { asyncId }, callback, onAttempt }: CallbackProps) {
  const { url, state, attempts } = callback;
  const deliveries = useAnswer<{ data: CallbackAttempt[] }>(`/v1/batches/${asyncId}/callbacks`, {
    isLive: state === 'pending',
    version: `${state} ${attempts}`,
  });
  const made = deliveries.data?.data.length ?? 0;
  const known = useRef(attempts);
  useEffect(() => {
    // The events of a batch end with it, and its callback comes later.
    if (made > known.current) onAttempt();
    known.current = Math.max(known.current, made);
  }, [made]);
  return (
    <section class="section" aria-labelledby="callback">
      <div class="section-head">
        <h2 id="callback">Callback</h2>
        <State name={state} />
        <code class="url">
          <bdi>{url}</bdi>
        </code>
      </div>
      <Loaded resource={deliveries} what="list of attempts">
        {({ data }) =>
          data.length === 0 ? (
            <p class="muted">It is sent when the batch has ended.</p>
          ) : (
            <Table
              caption="Attempts to deliver the callback"
              columns={columns}
              rows={data}
              keyOf={({ attemptedAt, number }) => `${attemptedAt} ${number}`}
            />
          )
        }
      </Loaded>
    </section>
  );
}
