/** What an empty server shows: how the first batch is sent, and a button that sends it. */
import type { Action } from '../../client/index.ts';
import { Button, CopyButton } from '../components/button.tsx';
import { Loaded, Notice } from '../components/notice.tsx';
import { go, hrefOf } from '../state/place.ts';
import { useResource } from '../state/resource.ts';
import { serverUrl } from '../state/server.ts';
import { client, key } from '../state/session.ts';

const HIDDEN_KEY = '••••••••';

export function FirstBatch() {
  const actions = useResource(
    'actions',
    async (signal) => (await client.value?.actions.list({ signal })) ?? [],
  );
  return (
    <Loaded resource={actions} what="list of actions">
      {(all) => {
        const action = firstAction(all);
        return action ? <Example action={action} /> : <NoAction />;
      }}
    </Loaded>
  );
}

/** The action that needs no other system; else any that has an example. */
function firstAction(actions: readonly Action[]): Action | undefined {
  return actions.find(({ name }) => name === 'test.ping') ?? actions.find(({ example }) => example !== null);
}

function NoAction() {
  return (
    <Notice title="This server has no action with an example">
      <p>Add one: two files in jobs/ and schemas/ make an action. docs/plugins.md says how.</p>
    </Notice>
  );
}

function Example({ action }: { action: Action }) {
  const batch = { jobs: [jobOf(action), jobOf(action), jobOf(action)] };
  const steps = stepsOf(JSON.stringify({ jobs: batch.jobs }));
  const send = async () => {
    const sent = await client.value?.batches.create(batch);
    if (sent) go(hrefOf(`/batches/${sent.asyncId}`));
  };
  return (
    <div class="first">
      <p class="lead">
        No batch is here yet. A batch is a list of jobs: each names an action and its params. This one runs{' '}
        <code>{action.name}</code> three times: {lowerFirst(action.summary)}.
      </p>
      <div class="first-send">
        <Button kind="main" icon="send" onPress={send}>
          Send this batch
        </Button>
        <span class="muted">or from a terminal:</span>
      </div>
      <ol class="steps">
        {steps.map(({ title, command }) => (
          <li key={title}>
            <h2>{title}</h2>
            <div class="command">
              <pre>{command(HIDDEN_KEY)}</pre>
              <CopyButton text={() => command(key.value ?? '')} label={`Copy with your key: ${title}`} />
            </div>
          </li>
        ))}
      </ol>
      <p class="muted">Copied lines have your key in place of {HIDDEN_KEY}, and work as pasted.</p>
    </div>
  );
}

function jobOf({ name, example }: Action) {
  const dot = name.indexOf('.');
  return { namespace: name.slice(0, dot), action: name.slice(dot + 1), params: (example ?? {}) as object };
}

function stepsOf(body: string): { title: string; command: (withKey: string) => string }[] {
  const authorization = (value: string) => `-H ${quoted(`Authorization: Bearer ${value}`)}`;
  return [
    {
      title: 'Send it',
      command: (value) =>
        `curl ${authorization(value)} \\\n  -H 'Content-Type: application/json' \\\n  ${quoted(`${serverUrl}/v1/batches`)} \\\n  -d ${quoted(body)}`,
    },
    {
      title: 'See the newest batch',
      command: (value) => `curl ${authorization(value)} \\\n  ${quoted(`${serverUrl}/v1/batches?limit=1`)}`,
    },
  ];
}

/** One word of a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
