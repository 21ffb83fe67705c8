/** One job: what it was given, what came of it, when, and how often it ran. */
import type { AwaitedGroup, Batch, OpenJob, Result } from '../../client/index.ts';
import { Button } from '../components/button.tsx';
import { Code } from '../components/code.tsx';
import { Heading } from '../components/heading.tsx';
import { Icon } from '../components/icons.tsx';
import { Loaded } from '../components/notice.tsx';
import { State } from '../components/state.tsx';
import { Ago, Elapsed } from '../components/time.tsx';
import type { Page } from '../page.ts';
import { useAnswer } from '../state/answer.ts';
import { count, moment } from '../state/format.ts';
import { useLiveBatch } from '../state/live-batch.ts';
import { useRefusal } from '../state/own-key.ts';
import { hrefOf } from '../state/place.ts';
import { membersOf } from '../state/raw.ts';
import { send } from '../state/session.ts';
import { isEnded, restart } from './batch/restart.ts';

type Job = Pick<Result | OpenJob, 'index' | 'id' | 'namespace' | 'action' | 'attempts' | 'startedAt'> &
  Partial<Pick<OpenJob, 'progress' | 'nextAttemptAt' | 'dependencies' | 'dependents' | 'group'>> & {
    status: string;
    finishedAt: string | null;
    /** As they were sent and stored. */
    requestText: string;
    responseText: string;
    /** Absent when the job was sent without it. */
    dependsOnText: string | undefined;
    bindText: string | undefined;
  };

export async function loadJob(asyncId: string, index: string, signal: AbortSignal): Promise<Job> {
  const answer = await send(`/v1/batches/${asyncId}/jobs/${encodeURIComponent(index)}`, { signal });
  return jobOf(await answer.text());
}

function jobOf(text: string): Job {
  const members = membersOf(text, ['request', 'response', 'dependsOn', 'bind']);
  const [requestText = 'null', responseText = 'null', dependsOnText, bindText] = members;
  return { ...JSON.parse(text), requestText, responseText, dependsOnText, bindText };
}

function JobView({ asyncId = '', index = '' }: { asyncId?: string; index?: string }) {
  const batch = useLiveBatch(asyncId);
  const refusal = useRefusal(batch.data);
  const job = useAnswer(`/v1/batches/${encodeURIComponent(asyncId)}/jobs/${encodeURIComponent(index)}`, {
    parse: jobOf,
    isLast: ({ finishedAt }) => finishedAt !== null,
    version: batch.data?.finishedAt ?? '',
  });
  return (
    <>
      <Heading
        above={[
          { text: 'Batches', href: '#/batches' },
          { text: `…${asyncId.slice(-8)}`, href: hrefOf(`/batches/${asyncId}`) },
        ]}
        title={`Job ${index}`}
        buttons={
          batch.data && (
            <JobButtons batch={batch.data} job={job.data} refusal={refusal} onRestarted={batch.reload} />
          )
        }
      >
        {job.data && <State name={job.data.status} />}
      </Heading>
      <Loaded resource={job} what="job">
        {(data) => (
          <>
            <Facts asyncId={asyncId} job={data} />
            <div class="codes">
              <Code title="Params" text={data.requestText} />
              {data.finishedAt === null ? (
                <p class="muted">It has no response yet.</p>
              ) : (
                <Code title={data.status === 'succeeded' ? 'Response' : 'Error'} text={data.responseText} />
              )}
              {data.dependsOnText && <Code title="Depends on" text={data.dependsOnText} />}
              {data.bindText && <Code title="Values of other jobs" text={data.bindText} />}
            </div>
          </>
        )}
      </Loaded>
    </>
  );
}

function Facts({ asyncId, job }: { asyncId: string; job: Job }) {
  const { id, namespace, action, attempts, startedAt, finishedAt, progress, nextAttemptAt } = job;
  const { group, dependencies, dependents } = job;
  const facts: [string, preact.ComponentChildren][] = [
    ['Action', <bdi key="action" class="mono">{`${namespace}.${action}`}</bdi>],
    ...(id === undefined
      ? []
      : ([
          [
            'Id',
            <bdi key="id" class="mono">
              {String(id)}
            </bdi>,
          ],
        ] as typeof facts)),
    ['Runs', attempts],
    ['Started', startedAt === null ? '–' : moment(startedAt)],
    ['Ended', finishedAt === null ? '–' : moment(finishedAt)],
    ['Took', <Elapsed key="took" from={startedAt} to={finishedAt} />],
  ];
  if (progress) facts.push(['Progress', `${progress.done} of ${progress.total}`]);
  if (nextAttemptAt) facts.push(['Next run', <Ago key="next" at={nextAttemptAt} />]);
  if (group !== undefined) facts.push(['Group', <bdi key="group">{String(group)}</bdi>]);
  const [waitsFor, waitedForBy] =
    finishedAt === null ? ['Waits for', 'Waited for by'] : ['Waited for', 'Was waited for by'];
  if (dependencies?.count)
    facts.push([waitsFor, <JobLinks key="dependencies" asyncId={asyncId} jobs={dependencies} />]);
  if (dependencies?.groups.length)
    facts.push([
      dependencies.groups.length === 1 ? `${waitsFor} the group` : `${waitsFor} the groups`,
      <Groups key="groups" groups={dependencies.groups} />,
    ]);
  if (dependents?.count)
    facts.push([waitedForBy, <JobLinks key="dependents" asyncId={asyncId} jobs={dependents} />]);
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Links, or groups, shown; the others are counted. */
const MAX_LINKS = 10;

function Groups({ groups }: { groups: readonly AwaitedGroup[] }) {
  const shown = groups.slice(0, MAX_LINKS);
  return (
    <>
      {shown.map(({ group, jobs, remaining }) => (
        <div key={group}>
          <bdi class="mono">{group}</bdi>{' '}
          <span class="muted">
            {remaining === 0 ? `all ${count(jobs)} ended` : `${count(remaining)} of ${count(jobs)} left`}
          </span>
        </div>
      ))}
      {groups.length > shown.length && `and ${count(groups.length - shown.length)} more`}
    </>
  );
}

function JobLinks({ asyncId, jobs }: { asyncId: string; jobs: { count: number; indexes: number[] } }) {
  const { count: all, indexes } = jobs;
  const shown = indexes.slice(0, MAX_LINKS);
  return (
    <>
      {shown.map((index, at) => (
        <span key={index}>
          {at > 0 && ', '}
          <a href={hrefOf(`/batches/${asyncId}/jobs/${index}`)}>{`job ${index}`}</a>
        </span>
      ))}
      {all > shown.length && ` and ${all - shown.length} more`}
    </>
  );
}

interface JobButtonsProps {
  batch: Batch;
  job: Job | undefined;
  /** Why the key may not change the batch. */
  refusal: string | undefined;
  onRestarted: () => void;
}

function JobButtons({ batch, job, refusal, onRestarted }: JobButtonsProps) {
  if (!job) return null;
  const { index } = job;
  const at = (other: number) => hrefOf(`/batches/${batch.asyncId}/jobs/${other}`);
  const canRestart = isEnded(batch) && job.status !== 'succeeded';
  return (
    <>
      <a
        class="button"
        href={hrefOf(`/actions/${encodeURIComponent(`${job.namespace}.${job.action}`)}`, {
          batch: batch.asyncId,
          index,
        })}
      >
        <Icon name="edit" />
        Run with changed params
      </a>
      {canRestart && (
        <Button
          icon="restart"
          disabled={refusal !== undefined}
          reason={refusal}
          onPress={() => restart(batch, { indexes: [index] }, 1, onRestarted)}
        >
          Run again
        </Button>
      )}
      {index > 0 && (
        <a class="button" href={at(index - 1)} aria-label="Previous job" title="Previous job">
          <Icon name="left" />
        </a>
      )}
      {index < batch.counts.total - 1 && (
        <a class="button" href={at(index + 1)} aria-label="Next job" title="Next job">
          <Icon name="right" />
        </a>
      )}
    </>
  );
}

export const jobPage: Page = {
  path: '/batches/:asyncId/jobs/:index',
  title: ({ index = '' }) => `Job ${index}`,
  View: JobView,
};
