/** Rows of the list of jobs: the beginning of what a job has, never all of it. */

import { State } from '../../components/state.tsx';
import type { RowColumn } from '../../components/virtual-rows.tsx';
import { duration } from '../../state/format.ts';
import { hrefOf } from '../../state/place.ts';
import { entriesOf, excerpt, membersOf } from '../../state/raw.ts';
import { send } from '../../state/session.ts';
import type { LoadedRows } from '../../state/window.ts';

export interface JobRow {
  index: number;
  id: string | undefined;
  action: string;
  status: string;
  attempts: number;
  tookMs: number | null;
  errorCode: number | undefined;
  /** The beginning of the error's message, or of the response as the text that it is. */
  text: string;
}

/** Rows of the results from the `start`-th of those that the filter selects. */
export async function loadJobs(
  asyncId: string,
  filter: string,
  { start, limit }: { start: number; limit: number },
  signal: AbortSignal,
): Promise<LoadedRows<JobRow>> {
  const query = new URLSearchParams(filter);
  query.set('start', String(start));
  query.set('limit', String(limit));
  const answer = await send(`/v1/batches/${asyncId}/results?${query}`, { signal });
  const text = await answer.text();
  const [nextCursor = 'null'] = membersOf(text, ['nextCursor']);
  return { rows: entriesOf(text).map(rowOf), isLast: nextCursor === 'null' };
}

const NAMES = [
  'index',
  'id',
  'namespace',
  'action',
  'status',
  'attempts',
  'startedAt',
  'finishedAt',
  'response',
];

function rowOf(entry: string): JobRow {
  const [response, ...others] = membersOf(entry, NAMES).reverse();
  const [index, id, namespace, action, status, attempts, startedAt, finishedAt] = others
    .reverse()
    .map((text) => (text === undefined ? undefined : JSON.parse(text)));
  const error = status === 'succeeded' ? undefined : errorOf(response);
  return {
    index,
    id: id === undefined ? undefined : excerpt(String(id)),
    action: excerpt(`${namespace}.${action}`),
    status,
    attempts,
    tookMs: startedAt && finishedAt ? Date.parse(finishedAt) - Date.parse(startedAt) : null,
    errorCode: error?.errorCode,
    text: excerpt(error?.message ?? response ?? ''),
  };
}

function errorOf(response: string | undefined): { errorCode?: number; message?: string } | undefined {
  return response?.startsWith('{') ? JSON.parse(response) : undefined;
}

export interface Selection {
  has(index: number): boolean;
  toggle(index: number): void;
}

/** @param selection null while no job can run again */
export function jobColumns(asyncId: string, selection: Selection | null): RowColumn<JobRow>[] {
  const choose: RowColumn<JobRow> = {
    title: 'Select',
    isTitleHidden: true,
    width: '16px',
    cell: ({ index, status }) =>
      status !== 'succeeded' && (
        <input
          type="checkbox"
          aria-label={`Select job ${index}`}
          checked={selection?.has(index)}
          onChange={() => selection?.toggle(index)}
        />
      ),
  };
  return [
    ...(selection ? [choose] : []),
    {
      title: 'Job',
      width: 'minmax(64px, 14%)',
      cell: ({ index, id }) => (
        <>
          <a class="job-link" href={hrefOf(`/batches/${asyncId}/jobs/${index}`)}>
            {index}
          </a>{' '}
          <bdi class="muted">{id}</bdi>
        </>
      ),
    },
    { title: 'Status', width: '96px', cell: ({ status }) => <State name={status} /> },
    { title: 'Action', width: 'minmax(0, 220px)', from: 760, cell: ({ action }) => action },
    {
      title: 'Response',
      width: 'minmax(0, 1fr)',
      from: 420,
      cell: ({ errorCode, text }) => (
        <>
          {errorCode !== undefined && <span class="code-badge">{errorCode}</span>}{' '}
          <bdi class="mono">{text}</bdi>
        </>
      ),
    },
    { title: 'Runs', width: '44px', kind: 'number', from: 600, cell: ({ attempts }) => attempts },
    {
      title: 'Took',
      width: '72px',
      kind: 'number',
      from: 600,
      cell: ({ tookMs }) => (tookMs === null ? '–' : duration(tookMs)),
    },
  ];
}
