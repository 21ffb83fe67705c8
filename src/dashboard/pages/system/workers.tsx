/** The workers that live, and what they run. */
import type { System } from '../../../client/index.ts';
import { Notice } from '../../components/notice.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { Ago, Elapsed } from '../../components/time.tsx';
import { count } from '../../state/format.ts';
import { hrefOf } from '../../state/place.ts';

type Worker = System['workers'][number];

const SHOWN_MESSAGES = 5;

const columns: Column<Worker>[] = [
  {
    title: 'Worker',
    kind: 'wrap',
    cell: ({ host, pid, version }) => (
      <span class="key-name">
        <strong>
          <bdi class="host">{host}</bdi>
        </strong>
        <span class="muted">
          process {pid}
          <span class="from-560">, version {version}</span>
        </span>
      </span>
    ),
  },
  {
    title: 'Runs',
    kind: 'wrap',
    cell: ({ running }) =>
      running.length === 0 ? (
        <span class="muted">nothing</span>
      ) : (
        <ul class="plain-list">
          {running.slice(0, SHOWN_MESSAGES).map(({ asyncId, chunk, attempt, queue, since }) => (
            <li key={`${queue} ${asyncId} ${chunk} ${attempt}`}>
              <a class="mono" href={hrefOf(`/batches/${asyncId}`)}>
                {asyncId.slice(-8)}
              </a>{' '}
              <span class="muted">
                chunk {chunk}
                {attempt > 1 && `, attempt ${attempt}`}, for <Elapsed from={since} to={null} />
              </span>
            </li>
          ))}
          {running.length > SHOWN_MESSAGES && (
            <li class="muted">and {count(running.length - SHOWN_MESSAGES)} more</li>
          )}
        </ul>
      ),
  },
  { title: 'Jobs done', kind: 'number', cell: ({ jobsFinished }) => count(jobsFinished) },
  { title: 'At once', kind: 'number', from: 900, cell: ({ concurrency }) => count(concurrency) },
  { title: 'Started', kind: 'number', from: 900, cell: ({ startedAt }) => <Ago at={startedAt} /> },
  { title: 'Seen', kind: 'number', from: 560, cell: ({ seenAt }) => <Ago at={seenAt} /> },
];

export function Workers({ workers }: { workers: System['workers'] }) {
  return (
    <section class="section" aria-labelledby="workers">
      <div class="section-head">
        <h2 id="workers">Workers</h2>
      </div>
      {workers.length === 0 ? (
        <Notice title="No worker lives">
          <p>Batches are taken and wait. A worker is gone when it has not reported for 20 s.</p>
        </Notice>
      ) : (
        <Table caption="Workers" columns={columns} rows={workers} keyOf={({ id }) => id} />
      )}
    </section>
  );
}
