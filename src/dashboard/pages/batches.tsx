/** All batches of the key's tenant, newest first. */
import type { Batch } from '../../client/index.ts';
import type { Page as ClientPage } from '../../client/pages.ts';
import { Choice } from '../components/choice.tsx';
import { Heading } from '../components/heading.tsx';
import { Loaded, Notice } from '../components/notice.tsx';
import { Pager } from '../components/pager.tsx';
import { CountsBar, State } from '../components/state.tsx';
import { type Column, Table } from '../components/table.tsx';
import { Ago, Elapsed } from '../components/time.tsx';
import type { Page } from '../page.ts';
import { count } from '../state/format.ts';
import { hrefOf, queryValue } from '../state/place.ts';
import { useResource } from '../state/resource.ts';
import { getJson } from '../state/session.ts';
import { FirstBatch } from './first-batch.tsx';

const STATES = ['queued', 'running', 'completed', 'cancelled'];
const ROWS = 50;
/** While a batch on the screen runs, and otherwise. */
const LIVE_MS = 1_500;
const CALM_MS = 10_000;

const columns: Column<Batch>[] = [
  {
    title: 'Batch',
    kind: 'grow',
    cell: ({ asyncId }) => (
      <a class="row-link mono" href={hrefOf(`/batches/${asyncId}`)}>
        {/* Ids of one day begin alike. */}
        <span class="muted rest">{asyncId.slice(0, -8)}</span>
        <span>{asyncId.slice(-8)}</span>
      </a>
    ),
  },
  { title: 'State', cell: ({ state }) => <State name={state} /> },
  {
    title: 'Progress',
    cell: ({ counts, progress }) => (
      <span class="progress-cell">
        <CountsBar counts={counts} />
        <span class="progress-number">{progress} %</span>
      </span>
    ),
  },
  { title: 'Jobs', kind: 'number', from: 560, cell: ({ counts }) => count(counts.total) },
  {
    title: 'Failed',
    kind: 'number',
    cell: ({ counts }) => <span class={counts.failed > 0 ? 'bad' : 'muted'}>{count(counts.failed)}</span>,
  },
  {
    title: 'Callback',
    from: 900,
    cell: ({ callback }) => (callback ? <State name={callback.state} /> : <span class="muted">–</span>),
  },
  {
    title: 'Took',
    kind: 'number',
    from: 900,
    cell: ({ startedAt, finishedAt }) => <Elapsed from={startedAt} to={finishedAt} />,
  },
  { title: 'Created', kind: 'number', from: 560, cell: ({ createdAt }) => <Ago at={createdAt} /> },
];

function Batches() {
  const state = queryValue('state');
  const cursor = queryValue('cursor');
  const query = new URLSearchParams({
    limit: String(ROWS),
    ...(state === undefined ? {} : { state }),
    ...(cursor === undefined ? {} : { cursor }),
  });
  const batches = useResource(
    `batches ${query}`,
    (signal) => getJson<ClientPage<Batch>>(`/v1/batches?${query}`, signal),
    { everyMs: ({ data }) => (data.some(isUnfinished) ? LIVE_MS : CALM_MS) },
  );
  const isFirstUse = batches.data?.data.length === 0 && !state && !cursor;
  return (
    <>
      <Heading title={isFirstUse ? 'Send a first batch' : 'Batches'} />
      {!isFirstUse && (
        <Choice
          label="State"
          name="state"
          resets={['cursor']}
          values={[
            { value: undefined, text: 'All' },
            ...STATES.map((value) => ({ value, text: capital(value) })),
          ]}
        />
      )}
      <Loaded resource={batches} what="list of batches">
        {({ data, nextCursor }) =>
          isFirstUse ? (
            <FirstBatch />
          ) : (
            <>
              {data.length === 0 ? (
                <Notice title={`No batch is ${state ?? 'here'}`}>
                  <a href="#/batches">Show all batches</a>
                </Notice>
              ) : (
                <Table caption="Batches" columns={columns} rows={data} keyOf={({ asyncId }) => asyncId} />
              )}
              <Pager label="Pages of batches" nextCursor={nextCursor} />
            </>
          )
        }
      </Loaded>
    </>
  );
}

function isUnfinished({ state }: Batch): boolean {
  return state === 'queued' || state === 'running';
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export const batchesPage: Page = {
  path: '/batches',
  title: () => 'Batches',
  navigation: { text: 'Batches', icon: 'batches' },
  shortcut: 'b',
  View: Batches,
};
