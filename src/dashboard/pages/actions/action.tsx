/** One action: what it does, what it needs, what limits it, and a form that runs it. */
import { Code } from '../../components/code.tsx';
import { Heading } from '../../components/heading.tsx';
import { Icon } from '../../components/icons.tsx';
import { Loaded } from '../../components/notice.tsx';
import type { Page } from '../../page.ts';
import { type ActionText, useAction } from '../../state/action.ts';
import { duration } from '../../state/format.ts';
import { useOwnKey } from '../../state/own-key.ts';
import { hrefOf, queryValue } from '../../state/place.ts';
import { useResource } from '../../state/resource.ts';
import { loadJob } from '../job.tsx';
import { LimitsPanel } from './limits.tsx';
import { Run } from './run.tsx';

function ActionView({ name = '' }: { name?: string }) {
  const action = useAction(name);
  const own = useOwnKey();
  return (
    <>
      <Heading
        above={[{ text: 'Actions', href: '#/actions' }]}
        title={<bdi class="mono title-id">{name}</bdi>}
        buttons={
          action.data && (
            <a class="button" href={hrefOf(`/actions/${encodeURIComponent(name)}/csv`)}>
              <Icon name="table" />
              Run for a CSV file
            </a>
          )
        }
      />
      <Loaded resource={action} what="action">
        {(data) => {
          const refusal =
            own?.mayRun(data.permission) === false
              ? `This key may not run it: it lacks the permission ${data.permission}.`
              : undefined;
          return (
            <>
              <p class="lead">
                <bdi>{data.summary}</bdi>
              </p>
              {refusal && <p class="refusal">{refusal}</p>}
              <Facts action={data} />
              <First action={data} refusal={refusal} />
              <LimitsPanel name={name} isOperator={own?.isOperator} />
              <section class="section" aria-labelledby="schema-title">
                <div class="section-head">
                  <h2 id="schema-title">Params</h2>
                </div>
                <div class="codes">
                  <Code title="JSON Schema" text={data.schemaText} />
                  {data.exampleText !== 'null' && <Code title="Example" text={data.exampleText} />}
                </div>
              </section>
            </>
          );
        }}
      </Loaded>
    </>
  );
}

/** The form, which begins with the params of a job when the address names one. */
function First({ action, refusal }: { action: ActionText; refusal: string | undefined }) {
  const batch = queryValue('batch');
  const index = queryValue('index');
  if (batch === undefined || index === undefined)
    return (
      <Run
        action={action}
        refusal={refusal}
        firstText={action.exampleText === 'null' ? '{}' : action.exampleText}
      />
    );
  return <OfJob key={`${batch} ${index}`} {...{ action, refusal, batch, index }} />;
}

interface OfJobProps {
  action: ActionText;
  refusal: string | undefined;
  batch: string;
  index: string;
}

function OfJob({ action, refusal, batch, index }: OfJobProps) {
  const job = useResource(`params of ${batch} ${index}`, (signal) => loadJob(batch, index, signal));
  return (
    <Loaded resource={job} what="job">
      {({ requestText }) => (
        <>
          <p class="muted">
            The form has the params of{' '}
            <a href={hrefOf(`/batches/${batch}/jobs/${index}`)}>
              job {index} of …{batch.slice(-8)}
            </a>
            . That job stays as it is.
          </p>
          <Run action={action} refusal={refusal} firstText={requestText} />
        </>
      )}
    </Loaded>
  );
}

function Facts({ action }: { action: ActionText }) {
  const { permission, timeoutSeconds, retry, transactional } = action;
  const again =
    retry.limit === 0
      ? 'never'
      : `at most ${retry.limit} times, after ${duration(retry.delaySeconds * 1_000)}${retry.backoff ? ', then longer' : ''}`;
  const facts: [string, preact.ComponentChildren][] = [
    [
      'Permission',
      <span key="permission" class="mono">
        {permission}
      </span>,
    ],
    ['Ends after', duration(timeoutSeconds * 1_000)],
    ['Runs again', again],
    ...(transactional ? [['Result', 'commits with what it writes'] as [string, string]] : []),
  ];
  return (
    <dl class="facts">
      {facts.map(([term, text]) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
  );
}

export const actionPage: Page = {
  path: '/actions/:name',
  title: ({ name = '' }) => name,
  View: ActionView,
};
