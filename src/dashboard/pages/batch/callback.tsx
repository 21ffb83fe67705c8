/** The callback of a batch, and the attempts to deliver it. */
import type { Batch, CallbackAttempt } from '../../../client/index.ts';
import { Loaded } from '../../components/notice.tsx';
import { State } from '../../components/state.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { Ago } from '../../components/time.tsx';
import { duration } from '../../state/format.ts';
import { useResource } from '../../state/resource.ts';
import { client } from '../../state/session.ts';

const LIVE_MS = 3_000;

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
}

export function CallbackAttempts({ batch: { asyncId }, callback: { url, state, attempts } }: CallbackProps) {
  const deliveries = useResource(
    `callbacks ${asyncId} ${state} ${attempts}`,
    async (signal) => (await client.value?.batches.callbacks(asyncId, { signal })) ?? [],
    { everyMs: () => (state === 'pending' ? LIVE_MS : null) },
  );
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
        {(data) =>
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
