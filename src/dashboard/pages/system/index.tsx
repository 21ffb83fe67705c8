/** The whole installation, for the operator: queues, workers, throughput, versions. */
import type { System } from '../../../client/index.ts';
import { Heading } from '../../components/heading.tsx';
import { Loaded, Notice } from '../../components/notice.tsx';
import { Plot } from '../../components/plot.tsx';
import { WithOwnKey } from '../../components/with-own-key.tsx';
import type { Page } from '../../page.ts';
import { useAnswer } from '../../state/answer.ts';
import { count, duration, rate } from '../../state/format.ts';
import type { OwnKey } from '../../state/own-key.ts';
import { hrefOf } from '../../state/place.ts';
import { Queues } from './queues.tsx';
import { useThroughput } from './throughput.ts';
import { Workers } from './workers.tsx';

/** Workers report every five seconds. */

function SystemPage() {
  return (
    <>
      <Heading title="System" />
      <WithOwnKey>{(own) => (own.isOperator ? <Everything /> : <NotForThisKey own={own} />)}</WithOwnKey>
    </>
  );
}

function NotForThisKey({ own }: { own: OwnKey }) {
  return (
    <Notice title="This key may not see the whole system">
      <p>
        It shows what all tenants do, so it needs an <code>admin</code> key of the tenant <code>default</code>
        . This key is <bdi>{own.name}</bdi> of the tenant <bdi>{own.tenant}</bdi>
        {own.isAdmin ? '.' : ', without admin.'}
      </p>
    </Notice>
  );
}

function Everything() {
  const system = useAnswer<System>('/v1/system');
  const throughput = useThroughput(system.data);
  return (
    <Loaded resource={system} what="system">
      {(data) =>
        data && (
          <>
            <Warning system={data} />
            <Figures system={data} throughput={throughput.now} />
            <div class="plots">
              <Plot
                title="Jobs a second"
                times={throughput.times}
                values={throughput.values}
                color="--c-running"
                kind="area"
                format={rate}
                summary={
                  throughput.times.length < 2
                    ? 'gathered while this page is open'
                    : `${rate(throughput.now)} now, at most ${rate(Math.max(...throughput.values))}`
                }
              />
            </div>
            <Queues queues={data.queues} />
            <Workers workers={data.workers} />
            <Versions system={data} />
          </>
        )
      }
    </Loaded>
  );
}

/** What an operator should do something about. */
function Warning({ system: { queues, workers } }: { system: System }) {
  const waiting = queues.reduce((sum, { ready }) => sum + ready, 0);
  const oldest = Math.max(0, ...queues.map(({ oldestSeconds }) => oldestSeconds));
  const isStuck = waiting > 0 && workers.length === 0;
  return (
    <div role="alert">
      {isStuck && (
        <p class="away-text">
          <span class="dot failed" aria-hidden="true" />
          Work waits, and no worker lives: {count(waiting)} {waiting === 1 ? 'message' : 'messages'}, the
          oldest for {duration(oldest * 1_000)}. Start one with ROLE=worker, or see in the log why the last
          one ended.
        </p>
      )}
    </div>
  );
}

function Figures({ system, throughput }: { system: System; throughput: number }) {
  const { batches, callbacksWaiting, queues, workers } = system;
  const sum = (member: 'ready' | 'delayed' | 'held') => queues.reduce((all, queue) => all + queue[member], 0);
  const figures: [string, preact.ComponentChildren][] = [
    ['Workers', count(workers.length)],
    ['Jobs a second', rate(throughput)],
    ['Batches running', count(batches.running)],
    ['Batches queued', count(batches.queued)],
    ['Messages due', count(sum('ready'))],
    ['Waiting for a limit', count(sum('held'))],
    [
      'Callbacks waiting',
      <a key="callbacks" href={hrefOf('/callbacks')}>
        {count(callbacksWaiting)}
      </a>,
    ],
  ];
  return (
    <dl class="figures">
      {figures.map(([term, value]) => (
        <div key={term} class="figure">
          <dt>{term}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Versions({ system: { version, node, database, limits } }: { system: System }) {
  const facts: [string, string][] = [
    ['Batchwright', version],
    ['Node', node],
    ['Postgres', `${database.version}, ${database.size}`],
    ...Object.entries(limits).map(([name, value]): [string, string] => [words(name), count(value)]),
  ];
  return (
    <section class="section" aria-labelledby="versions">
      <div class="section-head">
        <h2 id="versions">Versions and configuration</h2>
      </div>
      <dl class="facts">
        {facts.map(([term, value]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>
              <bdi>{value}</bdi>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** `maxJobsPerBatch`: max jobs per batch */
function words(name: string): string {
  const text = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export const systemPage: Page = {
  path: '/system',
  title: () => 'System',
  navigation: { text: 'System', icon: 'system' },
  shortcut: 's',
  View: SystemPage,
};
