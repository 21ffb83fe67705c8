/** The jobs of a batch that have not ended, page by page. */
import { useEffect, useState } from 'preact/hooks';
import type { Batch, OpenJob } from '../../../client/index.ts';
import { Loaded, Notice } from '../../components/notice.tsx';
import { Pager } from '../../components/pager.tsx';
import { State } from '../../components/state.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { useAnswer } from '../../state/answer.ts';
import { hrefOf, hrefWith, queryValue } from '../../state/place.ts';
import { entriesOf, excerpt, membersOf } from '../../state/raw.ts';

const ROWS = 50;

interface OpenRow {
  index: number;
  id: string | undefined;
  action: string;
  status: OpenJob['status'];
  progress: OpenJob['progress'];
  /** The beginning of its params, as the text that they are. */
  request: string;
}

interface OpenPage {
  rows: OpenRow[];
  nextCursor: string | null;
}

interface OpenJobsProps {
  batch: Batch;
  /** All that have not ended when undefined. */
  status: OpenJob['status'] | undefined;
}

export function OpenJobs({ batch: { asyncId }, status }: OpenJobsProps) {
  const asked = queryValue('cursor') ?? '0';
  // The server reads a part of the batch for an answer: where all of its jobs have ended, the next one is shown.
  const [skipped, setSkipped] = useState({ status, asked, to: asked });
  const isOfOther = skipped.status !== status || skipped.asked !== asked;
  const cursor = isOfOther ? asked : skipped.to;
  const query = new URLSearchParams({ limit: String(ROWS), cursor, ...(status ? { status } : {}) });
  const jobs = useAnswer(`/v1/batches/${asyncId}/jobs?${query}`, { parse: openPageOf });
  const next = jobs.data?.rows.length === 0 ? jobs.data.nextCursor : null;
  useEffect(() => {
    if (next !== null) setSkipped({ status, asked, to: next });
  }, [next, status, asked]);
  return (
    <Loaded resource={jobs} what="list of jobs">
      {({ rows, nextCursor }) => (
        <>
          {rows.length === 0 && nextCursor !== null ? null : rows.length === 0 ? (
            <Notice title="No job is like this">
              <a href={hrefWith({ status: undefined, cursor: undefined })}>Show the jobs that have ended</a>
            </Notice>
          ) : (
            <Table
              caption="Jobs that have not ended"
              columns={columnsOf(asyncId)}
              rows={rows}
              keyOf={({ index }) => index}
            />
          )}
          <Pager label="Pages of jobs" nextCursor={nextCursor} first="First" next="Next" />
        </>
      )}
    </Loaded>
  );
}

function openPageOf(text: string): OpenPage {
  return {
    rows: entriesOf(text).map(rowOf),
    nextCursor: JSON.parse(membersOf(text, ['nextCursor'])[0] ?? 'null'),
  };
}

function rowOf(entry: string): OpenRow {
  const [request = '', ...others] = membersOf(entry, [
    'request',
    ...['index', 'id', 'namespace', 'action', 'status', 'progress'],
  ]);
  const [index, id, namespace, action, status, progress] = others.map((text) =>
    text === undefined ? undefined : JSON.parse(text),
  );
  return {
    index,
    id: id === undefined ? undefined : excerpt(String(id)),
    action: excerpt(`${namespace}.${action}`),
    status,
    progress,
    request: excerpt(request),
  };
}

const columnsOf = (asyncId: string): Column<OpenRow>[] => [
  {
    title: 'Job',
    cell: ({ index, id }) => (
      <>
        <a class="job-link" href={hrefOf(`/batches/${asyncId}/jobs/${index}`)}>
          {index}
        </a>{' '}
        <bdi class="muted clip">{id}</bdi>
      </>
    ),
  },
  { title: 'Status', cell: ({ status }) => <State name={status} /> },
  { title: 'Action', from: 900, cell: ({ action }) => <bdi>{action}</bdi> },
  { title: 'Params', kind: 'line', cell: ({ request }) => <bdi class="mono">{request}</bdi> },
  {
    title: 'Progress',
    kind: 'number',
    from: 560,
    cell: ({ progress }) => (progress ? `${progress.done} of ${progress.total}` : '–'),
  },
];
