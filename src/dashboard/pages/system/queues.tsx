/** How much waits in each queue, and for how long. */
import type { System } from '../../../client/index.ts';
import { type Column, Table } from '../../components/table.tsx';
import { count, duration } from '../../state/format.ts';

type Queue = System['queues'][number];

const figure = (value: number) => <span class={value === 0 ? 'muted' : ''}>{count(value)}</span>;

const columns: Column<Queue>[] = [
  {
    title: 'Queue',
    kind: 'wrap',
    cell: ({ queue }) => (
      <span class="mono">
        <bdi>{queue}</bdi>
      </span>
    ),
  },
  { title: 'Due', kind: 'number', cell: ({ ready }) => figure(ready) },
  { title: 'Later', kind: 'number', from: 560, cell: ({ delayed }) => figure(delayed) },
  { title: 'For a limit', kind: 'number', from: 560, cell: ({ held }) => figure(held) },
  { title: 'In hand', kind: 'number', cell: ({ active }) => figure(active) },
  {
    title: 'Oldest due',
    kind: 'number',
    cell: ({ oldestSeconds }) =>
      oldestSeconds === 0 ? <span class="muted">–</span> : duration(oldestSeconds * 1_000),
  },
];

export function Queues({ queues }: { queues: System['queues'] }) {
  return (
    <section class="section" aria-labelledby="queues">
      <div class="section-head">
        <h2 id="queues">Queues</h2>
        <span class="muted">in messages: a chunk of jobs, or a callback</span>
      </div>
      <Table caption="Queues" columns={columns} rows={queues} keyOf={({ queue }) => queue} />
    </section>
  );
}
