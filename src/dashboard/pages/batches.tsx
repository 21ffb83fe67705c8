/** All batches of the key's tenant, newest first. */
import type { Batch } from '../../client/index.ts';
import { Choice } from '../components/choice.tsx';
import { Heading } from '../components/heading.tsx';
import { Loaded, Notice } from '../components/notice.tsx';
import { Pager } from '../components/pager.tsx';
import { CountsBar, State } from '../components/state.tsx';
import { type Column, Table } from '../components/table.tsx';
import { Ago, Elapsed } from '../components/time.tsx';
import type { Page } from '../page.ts';
import { areNewestListed, batchFilters, isListed, METADATA } from '../state/batch-filter.ts';
import { count, moment } from '../state/format.ts';
import { ROWS, useLiveList } from '../state/live-list.ts';
import { go, hrefOf, hrefWith, queryValue } from '../state/place.ts';
import { FirstBatch } from './first-batch.tsx';

const STATES = ['queued', 'running', 'completed', 'cancelled'];

const columns: Column<Batch>[] = [
  {
    title: 'Batch',
    kind: 'grow',
    cell: ({ asyncId, name }) => (
      <span class="key-name">
        <a class="row-link mono" href={hrefOf(`/batches/${asyncId}`)}>
          {/* Ids of one day begin alike. */}
          <span class="muted rest">{asyncId.slice(0, -8)}</span>
          <span>{asyncId.slice(-8)}</span>
        </a>
        {name !== undefined && <bdi class="muted clip">{name}</bdi>}
      </span>
    ),
  },
  {
    title: 'State',
    cell: ({ state, paused }) => (
      <>
        <State name={state} /> {paused && <span class="tag warn">paused</span>}
      </>
    ),
  },
  {
    title: 'Progress',
    from: 560,
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
    cell: ({ asyncId, counts }) =>
      counts.failed > 0 ? (
        <a
          class="bad above-link"
          href={hrefOf(`/batches/${asyncId}`, { status: 'failed' })}
          title="Show why, and which jobs"
        >
          {count(counts.failed)}
        </a>
      ) : (
        <span class="muted">0</span>
      ),
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
  const filters = batchFilters();
  const cursor = queryValue('cursor');
  const query = new URLSearchParams({ limit: String(ROWS), ...filters, ...(cursor ? { cursor } : {}) });
  const batches = useLiveList({
    query,
    hasNewest: cursor === undefined && areNewestListed(filters),
    selects: (batch) => isListed(batch, filters),
  });
  const isFirstUse =
    batches.data?.data.length === 0 && Object.keys(filters).length === 0 && cursor === undefined;
  return (
    <>
      <Heading title={isFirstUse ? 'Send a first batch' : 'Batches'} />
      {!isFirstUse && <Filters filters={filters} />}
      <Loaded resource={batches} what="list of batches">
        {({ data, nextCursor }) =>
          isFirstUse ? (
            <FirstBatch />
          ) : (
            <>
              {data.length === 0 ? (
                <Notice title="No batch is like this">
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

function Filters({ filters }: { filters: Record<string, string> }) {
  return (
    <search class="list-filters" aria-label="Filters">
      <Choice
        label="State"
        name="state"
        resets={['cursor']}
        values={[
          { value: undefined, text: 'All' },
          ...STATES.map((value) => ({ value, text: capital(value) })),
        ]}
      />
      <Choice
        label="Failures"
        name="failed"
        resets={['cursor']}
        values={[
          { value: undefined, text: 'Any' },
          { value: 'true', text: 'With failures' },
        ]}
      />
      <TextFilter label="Name" hint="its whole name" toQuery={(text) => ({ name: text })} isFirst />
      <TextFilter
        label="Metadata"
        hint="order=17"
        pattern="[^=]+=.+"
        toQuery={(text) => ({
          [METADATA + text.slice(0, text.indexOf('='))]: text.slice(text.indexOf('=') + 1),
        })}
      />
      <details>
        <summary class="button">More filters</summary>
        <div class="list-filters more-filters">
          <TextFilter
            label="Action"
            hint="contact.getContact"
            pattern="[^.]+\..+"
            toQuery={(text) => ({ action: text })}
          />
          <TimeFilter label="Since" name="since" />
          <TimeFilter label="Until" name="until" />
        </div>
      </details>
      {Object.entries(filters)
        .filter(([name, value]) => name !== 'state' && !(name === 'failed' && value === 'true'))
        .map(([name, value]) => (
          <a
            key={name}
            class="chip"
            href={hrefWith({ [name]: undefined, cursor: undefined })}
            title="Remove this filter"
          >
            <bdi class="chip-text">
              {name.startsWith(METADATA) ? name.slice(METADATA.length) : name}:{' '}
              {isTime(name) ? moment(value) : value}
            </bdi>
            <span aria-hidden="true">×</span>
            <span class="hidden">Remove this filter</span>
          </a>
        ))}
    </search>
  );
}

interface TextFilterProps {
  label: string;
  hint: string;
  /** A regular expression for what may be written. */
  pattern?: string;
  toQuery: (text: string) => Record<string, string>;
  /** The shortcut `/` goes there. */
  isFirst?: boolean;
}

/** Adds a filter to the address. */
function TextFilter({ label, hint, pattern, toQuery, isFirst }: TextFilterProps) {
  const add = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const text = form.querySelector('input')?.value.trim() ?? '';
    form.reset();
    go(hrefWith({ ...toQuery(text), cursor: undefined }));
  };
  return (
    <form onSubmit={add}>
      <input
        class="input"
        name="text"
        required
        autocomplete="off"
        aria-label={`${label}, such as ${hint}: Enter filters`}
        placeholder={`${label}: ${hint}`}
        title={`${label}: ${hint}`}
        {...(pattern === undefined ? {} : { pattern })}
        {...(isFirst ? { 'data-filter': '' } : {})}
      />
    </form>
  );
}

/** A time on the clock of the browser. The address has it with its zone, so that a link means the same everywhere. */
function TimeFilter({ label, name }: { label: string; name: 'since' | 'until' }) {
  const add = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const { value = '' } = form.querySelector('input') ?? {};
    form.reset();
    go(hrefWith({ [name]: new Date(value).toISOString(), cursor: undefined }));
  };
  return (
    <form class="inline-field" onSubmit={add}>
      <label class="inline-field">
        {label}
        <input class="input" type="datetime-local" required min="1970-01-02T00:00" max="9999-12-30T23:59" />
      </label>
      <button type="submit" class="button" aria-label={`${label} this time: filter`}>
        Filter
      </button>
    </form>
  );
}

function isTime(name: string): boolean {
  return name === 'since' || name === 'until';
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
