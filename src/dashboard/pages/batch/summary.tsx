/** The figures of a batch. */
import type { ComponentChildren } from 'preact';
import type { Batch } from '../../../client/index.ts';
import { CountsBar, partsOf } from '../../components/state.tsx';
import { Ago, Elapsed } from '../../components/time.tsx';
import { now } from '../../state/clock.ts';
import { count, rate } from '../../state/format.ts';
import { hrefWith } from '../../state/place.ts';

export function Summary({ batch }: { batch: Batch }) {
  const { counts, progress, createdAt, startedAt, finishedAt, expiresAt } = batch;
  return (
    <section aria-label="Figures">
      <div class="summary-bar">
        <CountsBar counts={counts} size="large" />
        <strong>{progress} %</strong>
      </div>
      <dl class="figures">
        <Figure name="Jobs">{count(counts.total)}</Figure>
        {partsOf(counts).map(({ state, value }) => (
          <Figure key={state} name={state} dot={state}>
            <a
              href={hrefWith({ status: state, errorCode: undefined, message: undefined, cursor: undefined })}
            >
              {count(value)}
            </a>
          </Figure>
        ))}
        <Figure name="Jobs a second">{rateOf(batch)}</Figure>
        <Figure name={finishedAt ? 'Took' : 'Runs for'}>
          <Elapsed from={startedAt} to={finishedAt} />
        </Figure>
        {batch.priority !== undefined && <Figure name="Priority">{String(batch.priority)}</Figure>}
        <Figure name="Created">
          <Ago at={createdAt} />
        </Figure>
        <Figure name="Deleted">
          <Ago at={expiresAt} />
        </Figure>
      </dl>
      {batch.waitingFor?.map(({ action, bucket, jobs, until }) => (
        <p key={`${action} ${bucket}`} class="waiting">
          <span class="dot waiting" aria-hidden="true" /> {count(jobs)} jobs wait for the limit of{' '}
          <code>{action ?? 'this batch'}</code>
          {bucket !== null && (
            <>
              {' '}
              (<bdi>{bucket}</bdi>)
            </>
          )}
          {until !== null && (
            <>
              {' '}
              until <Ago at={until} />
            </>
          )}
        </p>
      ))}
    </section>
  );
}

function Figure({ name, dot, children }: { name: string; dot?: string; children: ComponentChildren }) {
  return (
    <div class="figure">
      <dt>
        {dot && <span class={`dot ${dot}`} aria-hidden="true" />}
        {name}
      </dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Over the whole run. */
function rateOf({ counts, startedAt, finishedAt }: Batch): string {
  if (startedAt === null) return '–';
  const seconds = ((finishedAt ? Date.parse(finishedAt) : now.value) - Date.parse(startedAt)) / 1_000;
  const ended = counts.succeeded + counts.failed;
  return seconds > 0 && ended > 0 ? rate(ended / seconds) : '–';
}
