/** Why jobs failed: their errors, grouped by the server. */
import type { Batch } from '../../../client/index.ts';
import { Button } from '../../components/button.tsx';
import { Loaded } from '../../components/notice.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { useAnswer } from '../../state/answer.ts';
import { count } from '../../state/format.ts';
import { hrefOf, hrefWith, queryValue } from '../../state/place.ts';
import { isEnded, restart } from './restart.ts';

interface Group {
  code: number;
  message: string;
  count: number;
  firstIndex: number;
}

interface ErrorsProps {
  batch: Batch;
  /** Why the key may not change it. */
  refusal: string | undefined;
  onRestarted: () => void;
}

export function Errors({ batch, refusal, onRestarted }: ErrorsProps) {
  const { asyncId, counts } = batch;
  const isOver = isEnded(batch);
  const errors = useAnswer<{ data: Group[]; others: number }>(`/v1/batches/${asyncId}/errors`, {
    isLive: !isOver,
    version: batch.finishedAt ?? '',
  });
  if (counts.failed === 0) return null;
  const columns: Column<Group>[] = [
    {
      title: 'Error',
      kind: 'wrap',
      cell: ({ code, message }) => (
        <a
          class="error-text"
          href={hrefWith({ status: 'failed', errorCode: code, message })}
          aria-current={isShown(code, message) ? 'true' : undefined}
          title="Show these jobs below"
        >
          <span class="code-badge">{code}</span> <bdi>{message || '(no message)'}</bdi>
        </a>
      ),
    },
    { title: 'Jobs', kind: 'number', cell: (group) => count(group.count) },
    {
      title: 'First',
      kind: 'number',
      from: 560,
      cell: ({ firstIndex }) => (
        <a href={hrefOf(`/batches/${asyncId}/jobs/${firstIndex}`)}>job {firstIndex}</a>
      ),
    },
    {
      title: 'Run again',
      kind: 'number',
      cell: (group) => {
        const { code: errorCode, message } = group;
        const selection = { status: ['failed'] as const, errorCode, message };
        return (
          <Button
            icon="restart"
            label={`Run ${count(group.count)} again: the jobs with this error`}
            disabled={!isOver || refusal !== undefined}
            reason={refusal ?? 'Jobs can run again when the batch has ended'}
            onPress={() => restart(batch, selection, group.count, onRestarted)}
          >
            <span class="from-560">Run {count(group.count)} again</span>
          </Button>
        );
      },
    },
  ];
  return (
    <section class="section" aria-labelledby="errors">
      <div class="section-head">
        <h2 id="errors">Errors</h2>
        <span class="muted">{count(counts.failed)} failed</span>
      </div>
      <Loaded resource={errors} what="list of errors">
        {({ data, others }) => (
          <>
            <Table
              caption="Errors by code and message"
              columns={columns}
              rows={data}
              keyOf={({ code, message }) => `${code} ${message}`}
            />
            {others > 0 && <p class="muted after">{count(others)} more jobs failed with other errors.</p>}
          </>
        )}
      </Loaded>
    </section>
  );
}

function isShown(code: number, message: string): boolean {
  return queryValue('errorCode') === String(code) && queryValue('message') === message;
}
