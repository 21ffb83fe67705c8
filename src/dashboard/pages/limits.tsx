/** Limits of actions in use: what runs, what waits, what sleeps and until when. */
import type { ActionLimits, Bucket, LimitsInUse } from '../../client/index.ts';
import { Button } from '../components/button.tsx';
import { confirm } from '../components/confirm.tsx';
import { Heading } from '../components/heading.tsx';
import { Loaded, Notice } from '../components/notice.tsx';
import { type Column, Table } from '../components/table.tsx';
import { Ago } from '../components/time.tsx';
import { report } from '../components/toasts.tsx';
import type { Page } from '../page.ts';
import { useAnswer } from '../state/answer.ts';
import { now } from '../state/clock.ts';
import { count, rate } from '../state/format.ts';
import { limitsText } from '../state/limits-text.ts';
import { useOwnKey } from '../state/own-key.ts';
import { hrefOf } from '../state/place.ts';
import { client } from '../state/session.ts';

const buckets: Column<Bucket>[] = [
  {
    title: 'Limit',
    kind: 'wrap',
    cell: ({ action, bucket, asyncId }) => (
      <span class="key-name">
        {action === null ? (
          <span>
            the batch{' '}
            <a class="mono" href={hrefOf(`/batches/${asyncId}`)}>
              {asyncId?.slice(-8)}
            </a>
          </span>
        ) : (
          <a class="mono" href={hrefOf(`/actions/${encodeURIComponent(action)}`)}>
            <bdi>{action}</bdi>
          </a>
        )}
        <span class="muted">{bucket === null ? 'all jobs' : <bdi>{bucket}</bdi>}</span>
      </span>
    ),
  },
  { title: 'Runs', kind: 'number', cell: ({ running }) => figure(running) },
  { title: 'Waits', kind: 'number', cell: ({ waiting }) => figure(waiting) },
  {
    title: 'Asleep',
    kind: 'number',
    cell: ({ asleepUntil }) =>
      asleepUntil !== null && Date.parse(asleepUntil) > now.value ? (
        <span class="tag warn">
          wakes <Ago at={asleepUntil} />
        </span>
      ) : (
        <span class="muted">no</span>
      ),
  },
  {
    title: 'Next start',
    kind: 'number',
    from: 900,
    cell: ({ nextAt }) =>
      nextAt !== null && Date.parse(nextAt) > now.value ? (
        <Ago at={nextAt} />
      ) : (
        <span class="muted">now</span>
      ),
  },
  {
    title: 'Pace',
    kind: 'number',
    from: 900,
    cell: ({ pace }) => (pace === null ? <span class="muted">–</span> : `${rate(pace)} a second`),
  },
];

function figure(value: number) {
  return <span class={value === 0 ? 'muted' : ''}>{count(value)}</span>;
}

function Limits() {
  const own = useOwnKey();
  const limits = useAnswer<LimitsInUse>('/v1/limits');
  return (
    <>
      <Heading title="Limits" />
      <Loaded resource={limits} what="list of limits">
        {(data) =>
          data && (
            <>
              <section aria-labelledby="in-use">
                <div class="section-head">
                  <h2 id="in-use">In use</h2>
                  <span class="muted">
                    {own?.isOperator
                      ? 'in the last minute, and all that jobs wait for'
                      : 'what your own jobs wait for'}
                  </span>
                </div>
                {data.data.length === 0 ? (
                  <Notice title="Nothing waits for a limit">
                    <p>
                      {own?.isOperator
                        ? 'No job has needed a limit in the last minute.'
                        : 'Limits are shown here while jobs of your tenant wait for them.'}
                    </p>
                  </Notice>
                ) : (
                  <Table
                    caption="Limits in use"
                    columns={buckets}
                    rows={[...data.data].sort((a, b) => b.waiting - a.waiting)}
                    keyOf={({ action, bucket, asyncId }) => `${action} ${bucket} ${asyncId}`}
                  />
                )}
              </section>
              <Actions
                actions={data.actions}
                isOperator={own?.isOperator ?? false}
                onChanged={limits.reload}
              />
            </>
          )
        }
      </Loaded>
    </>
  );
}

interface ActionsProps {
  actions: readonly ActionLimits[];
  isOperator: boolean;
  onChanged: () => void;
}

function Actions({ actions, isOperator, onChanged }: ActionsProps) {
  const columns: Column<ActionLimits>[] = [
    {
      title: 'Action',
      kind: 'wrap',
      cell: (action) => (
        <span class="key-name">
          <span>
            <bdi class="mono">{action.name}</bdi> {action.paused && <span class="tag warn">paused</span>}
          </span>
          <span class="muted">{limitsText(action.limits)}</span>
        </span>
      ),
    },
    ...(isOperator
      ? [
          {
            title: 'Pause',
            kind: 'number' as const,
            cell: (action: ActionLimits) => <PauseButton action={action} onChanged={onChanged} />,
          },
        ]
      : []),
  ];
  return (
    <section class="section" aria-labelledby="limited">
      <div class="section-head">
        <h2 id="limited">Actions with limits</h2>
        <span class="muted">
          for all tenants together{isOperator ? '' : '; only an admin key of the tenant default changes them'}
        </span>
      </div>
      {actions.length === 0 ? (
        <p class="muted">No action has limits, and none is paused.</p>
      ) : (
        <Table caption="Actions with limits" columns={columns} rows={actions} keyOf={({ name }) => name} />
      )}
    </section>
  );
}

function PauseButton({
  action: { name, paused },
  onChanged,
}: {
  action: ActionLimits;
  onChanged: () => void;
}) {
  const change = async (isPaused: boolean) => {
    await client.value?.actions.change(name, { paused: isPaused });
    report(isPaused ? `${name} is paused.` : `${name} runs again.`);
    onChanged();
  };
  const pause = async () => {
    const isSure = await confirm({
      title: `Pause ${name}?`,
      text: 'No job of it starts for any tenant until somebody resumes it. Jobs that run go on to their end.',
      action: 'Pause it',
    });
    if (isSure) await change(true);
  };
  return paused ? (
    <Button kind="main" label={`Resume ${name}`} onPress={() => change(false)}>
      Resume
    </Button>
  ) : (
    <Button kind="danger" label={`Pause ${name}`} onPress={pause}>
      Pause
    </Button>
  );
}

export const limitsPage: Page = {
  path: '/limits',
  title: () => 'Limits',
  navigation: { text: 'Limits', icon: 'limits' },
  shortcut: 'l',
  View: Limits,
};
