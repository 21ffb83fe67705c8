/** The jobs of a batch, filtered: those that have ended in virtual rows, selected to run again; the others in pages. */
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
import { NOT_ENDED, openFilter, resultFilter } from './filter.ts';
import { type JobRow, jobColumns, loadJobs } from './job-rows.tsx';
import { OpenJobs } from './open-jobs.tsx';
import { isEnded, restart } from './restart.ts';

/** While the batch runs, rows are loaded again at most so often. */
const LIVE_MS = 2_000;

interface JobsProps {
  batch: Batch;
  /** Why the key may not change it. */
  refusal: string | undefined;
  onRestarted: () => void;
}

export function Jobs(props: JobsProps) {
  const { batch } = props;
  const open = openFilter();
  return (
    <section class="section" aria-labelledby="jobs">
      <div class="section-head">
        <h2 id="jobs">Jobs</h2>
        <StatusChoice batch={batch} />
        <ErrorFilter />
        <span class="spring" />
        <GoToJob asyncId={batch.asyncId} total={batch.counts.total} />
      </div>
      {open ? <OpenJobs batch={batch} status={open.status} /> : <EndedJobs {...props} />}
    </section>
  );
}

function EndedJobs({ batch, refusal, onRestarted }: JobsProps) {
  const { asyncId } = batch;
  const filter = resultFilter().toString();
  const isOver = isEnded(batch);
  const total = useTotal(batch);
  const selected = useSignal<ReadonlySet<number>>(new Set());
  const version = isOver ? `${batch.finishedAt}` : Math.floor(Date.now() / LIVE_MS);
  // While the batch runs, a result stays, and so does its position once all before it have theirs.
  const areFinal = (loaded: readonly JobRow[], start: number) =>
    !isOver && filter === '' && loaded.every(({ index }, at) => index === start + at);
  const rows = useRowWindow<JobRow>(
    `${asyncId} ${filter}`,
    version,
    (start, limit, signal) => loadJobs(asyncId, filter, { start, limit }, signal),
    areFinal,
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
  const mayChoose = isOver && refusal === undefined;
  const columns = jobColumns(asyncId, mayChoose ? { has: (index) => chosen.has(index), toggle } : null);
  return (
    <>
      {chosen.size > 0 && (
        <div class="selection">
          <Button
            icon="restart"
            onPress={() => restart(batch, { indexes: [...chosen] }, chosen.size, onRestarted)}
          >
            Run {count(chosen.size)} selected again
          </Button>
          <Button
            kind="plain"
            onPress={() => {
              selected.value = new Set();
            }}
          >
            Select none
          </Button>
        </div>
      )}
      {rows.error && (
        <p class="inline-error" role="alert">
          {errorText(rows.error)}
        </p>
      )}
      {total === 0 ? (
        <Notice title={filter ? 'No job is like this' : 'No job has ended yet'}>
          <NoneEnded batch={batch} isFiltered={filter !== ''} />
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
    </>
  );
}

function NoneEnded({ batch, isFiltered }: { batch: Batch; isFiltered: boolean }) {
  if (isFiltered) return <a href={hrefWith(NO_FILTER)}>Show all jobs</a>;
  if (isEnded(batch)) return null;
  return <a href={hrefWith({ ...NO_FILTER, status: NOT_ENDED })}>Show the jobs that have not</a>;
}

const NO_FILTER = { status: undefined, errorCode: undefined, message: undefined, cursor: undefined };

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
  const ended = counts.succeeded + counts.failed + counts.cancelled + counts.skipped;
  const byStatus: Record<string, number> = { ...counts };
  if (!ofError) return status === undefined ? ended : (byStatus[status] ?? 0);
  return (groups.data?.data ?? [])
    .filter((group) => errorCode === undefined || String(group.code) === errorCode)
    .filter((group) => message === undefined || group.message === message)
    .reduce((sum, group) => sum + group.count, 0);
}

function StatusChoice({ batch }: { batch: Batch }) {
  const { counts } = batch;
  const open = counts.pending + counts.waiting + counts.running;
  const values = [
    { value: undefined, text: isEnded(batch) ? 'All' : 'Ended' },
    { value: 'succeeded', text: 'Succeeded', count: counts.succeeded },
    { value: 'failed', text: 'Failed', count: counts.failed },
    { value: 'cancelled', text: 'Cancelled', count: counts.cancelled },
    { value: 'skipped', text: 'Skipped', count: counts.skipped },
    ...(isEnded(batch)
      ? []
      : [
          { value: NOT_ENDED, text: 'Not ended', count: open },
          { value: 'running', text: 'Running', count: counts.running },
          { value: 'waiting', text: 'Waiting', count: counts.waiting },
          { value: 'pending', text: 'Pending', count: counts.pending },
        ]),
  ];
  const chosen = queryValue('status');
  return (
    <Choice
      label="Status of the jobs"
      name="status"
      resets={['errorCode', 'message', 'cursor']}
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
