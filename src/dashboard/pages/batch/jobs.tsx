/** The jobs of a batch that have ended: filtered, in virtual rows, selected to run again. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Batch } from '../../../client/index.ts';
import { Button } from '../../components/button.tsx';
import { Choice } from '../../components/choice.tsx';
import { Notice } from '../../components/notice.tsx';
import { errorText } from '../../components/toasts.tsx';
import { VirtualRows } from '../../components/virtual-rows.tsx';
import { count } from '../../state/format.ts';
import { go, hrefOf, hrefWith, queryValue } from '../../state/place.ts';
import { useResource } from '../../state/resource.ts';
import { client } from '../../state/session.ts';
import { useRowWindow } from '../../state/window.ts';
import { resultFilter } from './filter.ts';
import { type JobRow, jobColumns, loadJobs } from './job-rows.tsx';
import { isEnded, restart } from './restart.ts';

/** While the batch runs, rows are loaded again at most so often. */
const LIVE_MS = 2_000;

interface JobsProps {
  batch: Batch;
  onRestarted: () => void;
}

export function Jobs({ batch, onRestarted }: JobsProps) {
  const { asyncId, counts } = batch;
  const filter = resultFilter().toString();
  const isOver = isEnded(batch);
  const total = useTotal(batch);
  const selected = useSignal<ReadonlySet<number>>(new Set());
  const version = isOver ? `${batch.finishedAt}` : Math.floor(Date.now() / LIVE_MS);
  const rows = useRowWindow<JobRow>(`${asyncId} ${filter}`, version, (start, limit, signal) =>
    loadJobs(asyncId, filter, { start, limit }, signal),
  );
  // Another list has another selection
  useEffect(() => {
    selected.value = new Set();
  }, [asyncId, filter, batch.finishedAt]);

  const chosen = selected.value;
  const toggle = (index: number) => {
    const next = new Set(chosen);
    if (!next.delete(index)) next.add(index);
    selected.value = next;
  };
  const columns = jobColumns(asyncId, isOver ? { has: (index) => chosen.has(index), toggle } : null);
  return (
    <section class="section" aria-labelledby="jobs">
      <div class="section-head">
        <h2 id="jobs">Jobs</h2>
        <StatusChoice batch={batch} />
        <ErrorFilter />
        {!isOver && <span class="muted">{count(counts.pending + counts.running)} have not ended</span>}
        <span class="spring" />
        {chosen.size > 0 && (
          <Button
            icon="restart"
            onPress={() => restart(batch, { indexes: [...chosen] }, chosen.size, onRestarted)}
          >
            Run {count(chosen.size)} selected again
          </Button>
        )}
        <GoToJob asyncId={asyncId} total={counts.total} />
      </div>
      {rows.error && (
        <p class="inline-error" role="alert">
          {errorText(rows.error)}
        </p>
      )}
      {total === 0 ? (
        <Notice title={filter ? 'No job is like this' : 'No job has ended yet'}>
          {filter && <a href={hrefWith(NO_FILTER)}>Show all jobs</a>}
        </Notice>
      ) : (
        <VirtualRows
          key={`${asyncId} ${filter}`}
          label="Jobs that have ended"
          total={total}
          columns={columns}
          rows={rows}
          isSelected={({ index }) => chosen.has(index)}
        />
      )}
    </section>
  );
}

const NO_FILTER = { status: undefined, errorCode: undefined, message: undefined };

/** How many results the filter selects. */
function useTotal({ asyncId, counts, finishedAt }: Batch): number {
  const status = queryValue('status');
  const errorCode = queryValue('errorCode');
  const message = queryValue('message');
  const ofError = errorCode !== undefined || message !== undefined;
  const groups = useResource(
    `groups ${asyncId} ${finishedAt} ${ofError ? counts.failed : ''}`,
    async (signal) => (ofError ? client.value?.batches.errors(asyncId, { signal }) : undefined),
  );
  const all = counts as Batch['counts'] & { skipped?: number };
  const ended = all.succeeded + all.failed + all.cancelled + (all.skipped ?? 0);
  if (!ofError)
    return status === undefined ? ended : ((all as unknown as Record<string, number>)[status] ?? 0);
  return (groups.data?.data ?? [])
    .filter((group) => errorCode === undefined || String(group.code) === errorCode)
    .filter((group) => message === undefined || group.message === message)
    .reduce((sum, group) => sum + group.count, 0);
}

function StatusChoice({ batch: { counts } }: { batch: Batch }) {
  const all = counts as Batch['counts'] & { skipped?: number };
  const values = [
    { value: undefined, text: 'All' },
    { value: 'succeeded', text: 'Succeeded', count: all.succeeded },
    { value: 'failed', text: 'Failed', count: all.failed },
    { value: 'cancelled', text: 'Cancelled', count: all.cancelled },
    { value: 'skipped', text: 'Skipped', count: all.skipped ?? 0 },
  ];
  const chosen = queryValue('status');
  return (
    <Choice
      label="Status of the jobs"
      name="status"
      resets={['errorCode', 'message']}
      values={values.filter(({ value, count: jobs }) => value === undefined || jobs || value === chosen)}
    />
  );
}

/** The error that the jobs are filtered by. */
function ErrorFilter() {
  const errorCode = queryValue('errorCode');
  const message = queryValue('message');
  if (errorCode === undefined && message === undefined) return null;
  return (
    <a class="chip" href={hrefWith({ errorCode: undefined, message: undefined })} title="Remove this filter">
      <span class="code-badge">{errorCode}</span> <bdi class="chip-text">{message}</bdi>
      <span aria-hidden="true">×</span>
      <span class="hidden">Remove this filter</span>
    </a>
  );
}

/** Opens a job by its index, also one that has not ended. */
function GoToJob({ asyncId, total }: { asyncId: string; total: number }) {
  const index = useRef<HTMLInputElement>(null);
  const open = (event: SubmitEvent) => {
    event.preventDefault();
    go(hrefOf(`/batches/${asyncId}/jobs/${index.current?.value}`));
  };
  return (
    <form class="go-to" onSubmit={open}>
      <input
        ref={index}
        class="input"
        name="index"
        type="number"
        required
        min={0}
        max={total - 1}
        placeholder="Job no."
        aria-label={`Number of a job, 0 to ${total - 1}`}
        data-filter
      />
      <Button type="submit">Open</Button>
    </form>
  );
}
