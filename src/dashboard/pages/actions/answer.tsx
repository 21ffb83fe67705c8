/** What came of one run, as it happens. */
import { Code } from '../../components/code.tsx';
import { Loaded } from '../../components/notice.tsx';
import { State } from '../../components/state.tsx';
import { Elapsed } from '../../components/time.tsx';
import { useLiveBatch } from '../../state/live-batch.ts';
import { hrefOf } from '../../state/place.ts';
import { useResource } from '../../state/resource.ts';
import { loadJob } from '../job.tsx';

export function Answer({ asyncId }: { asyncId: string }) {
  const batch = useLiveBatch(asyncId);
  const { state = '', finishedAt = null } = batch.data ?? {};
  const job = useResource(`job ${asyncId} 0 ${state} ${finishedAt}`, (signal) =>
    loadJob(asyncId, '0', signal),
  );
  return (
    <section class="answer" aria-label="The run">
      <Loaded resource={job} what="job">
        {(data) => (
          <>
            <p class="answer-head" role="status">
              <State name={data.status} />
              <span class="muted">
                <Elapsed from={data.startedAt} to={data.finishedAt} />
              </span>
              <span class="spring" />
              <a href={hrefOf(`/batches/${asyncId}/jobs/0`)}>Show the job</a>
            </p>
            {data.finishedAt !== null && (
              <Code title={data.status === 'succeeded' ? 'Response' : 'Error'} text={data.responseText} />
            )}
          </>
        )}
      </Loaded>
    </section>
  );
}
