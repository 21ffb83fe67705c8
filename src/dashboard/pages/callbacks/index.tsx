/** Callbacks that are not delivered, over all batches of the tenant, and a test of a receiver. */
import { useState } from 'preact/hooks';
import type { OpenCallback } from '../../../client/index.ts';
import type { Page as ClientPage } from '../../../client/pages.ts';
import { Button } from '../../components/button.tsx';
import { Choice } from '../../components/choice.tsx';
import { confirm } from '../../components/confirm.tsx';
import { Heading } from '../../components/heading.tsx';
import { Loaded, Notice } from '../../components/notice.tsx';
import { Pager } from '../../components/pager.tsx';
import { State } from '../../components/state.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { Ago } from '../../components/time.tsx';
import { report } from '../../components/toasts.tsx';
import type { Page } from '../../page.ts';
import { useAnswer } from '../../state/answer.ts';
import { count } from '../../state/format.ts';
import { useRefusals } from '../../state/own-key.ts';
import { hrefOf, queryValue } from '../../state/place.ts';
import { client } from '../../state/session.ts';
import { TestDialog } from './test-dialog.tsx';

const ROWS = 50;

/** @param refusalOf why the key may not send the callback again */
const columnsOf = (
  onReposted: () => void,
  refusalOf: (callback: OpenCallback) => string | undefined,
): Column<OpenCallback>[] => [
  {
    title: 'Batch',
    cell: ({ asyncId }) => (
      <a
        class="row-link mono"
        href={hrefOf(`/batches/${asyncId}`)}
        title="Its attempts are at the end of its page"
      >
        <span class="muted rest">{asyncId.slice(0, -8)}</span>
        <span>{asyncId.slice(-8)}</span>
      </a>
    ),
  },
  { title: 'State', cell: ({ state }) => <State name={state} /> },
  {
    title: 'Receiver and last error',
    kind: 'wrap',
    cell: ({ url, lastAttempt }) => (
      <span class="error-text">
        <code class="url">
          <bdi>{url}</bdi>
        </code>
        {lastAttempt !== null && lastAttempt.error !== null && (
          <span class="callback-error">
            {lastAttempt.status !== null && <span class="code-badge">{lastAttempt.status}</span>}{' '}
            <bdi>{lastAttempt.error}</bdi>
          </span>
        )}
        {lastAttempt === null && <span class="callback-error muted">Not sent yet</span>}
      </span>
    ),
  },
  { title: 'Attempts', kind: 'number', from: 560, cell: ({ attempts }) => count(attempts) },
  {
    title: 'Next',
    kind: 'number',
    from: 560,
    cell: ({ state, lastAttempt }) =>
      state === 'failed' ? (
        <span class="muted">none</span>
      ) : lastAttempt?.nextAttemptAt ? (
        <Ago at={lastAttempt.nextAttemptAt} />
      ) : (
        'soon'
      ),
  },
  { title: 'Batch ended', kind: 'number', from: 900, cell: ({ finishedAt }) => <Ago at={finishedAt} /> },
  {
    title: 'Send again',
    kind: 'number',
    cell: (callback) => (
      <span class="above-link">
        <Button
          icon="send"
          label={`Send the callback of ${callback.asyncId} again`}
          disabled={refusalOf(callback) !== undefined}
          reason={refusalOf(callback)}
          onPress={() => repost(callback, onReposted)}
        >
          <span class="from-560">Send again</span>
        </Button>
      </span>
    ),
  },
];

async function repost({ asyncId, url }: OpenCallback, onReposted: () => void): Promise<void> {
  const isSure = await confirm({
    title: 'Send this callback again?',
    text: (
      <>
        All results of the batch go to <bdi>{url}</bdi> once more, at once and under the same webhook-id.
      </>
    ),
    action: 'Send it again',
    kind: 'main',
  });
  if (!isSure) return;
  await client.value?.batches.repost(asyncId);
  report('The callback is sent again.');
  onReposted();
}

function Callbacks() {
  const [isTesting, setTesting] = useState(false);
  const state = queryValue('state');
  const cursor = queryValue('cursor');
  const query = new URLSearchParams({
    limit: String(ROWS),
    ...(state === undefined ? {} : { state }),
    ...(cursor === undefined ? {} : { cursor }),
  });
  const callbacks = useAnswer<ClientPage<OpenCallback>>(`/v1/callbacks?${query}`);
  const refusalOf = useRefusals(callbacks.data?.data ?? []);
  return (
    <>
      <Heading
        title="Callbacks that are not delivered"
        buttons={
          <Button icon="send" onPress={() => setTesting(true)}>
            Send a test callback
          </Button>
        }
      />
      <Choice
        label="State"
        name="state"
        resets={['cursor']}
        values={[
          { value: undefined, text: 'All' },
          { value: 'pending', text: 'Tried again' },
          { value: 'failed', text: 'Given up' },
        ]}
      />
      <Loaded resource={callbacks} what="list of callbacks">
        {({ data, nextCursor }) => (
          <>
            {data.length === 0 ? (
              <Notice title={state ? 'No callback is in this state' : 'Every callback is delivered'}>
                <p>A callback is here from the end of its batch until its receiver answers with 2xx.</p>
              </Notice>
            ) : (
              <Table
                caption="Callbacks that are not delivered"
                columns={columnsOf(callbacks.reload, refusalOf)}
                rows={data}
                keyOf={({ asyncId }) => asyncId}
              />
            )}
            <Pager label="Pages of callbacks" nextCursor={nextCursor} />
          </>
        )}
      </Loaded>
      {isTesting && <TestDialog onClose={() => setTesting(false)} />}
    </>
  );
}

export const callbacksPage: Page = {
  path: '/callbacks',
  title: () => 'Callbacks',
  navigation: { text: 'Callbacks', icon: 'callbacks' },
  shortcut: 'c',
  View: Callbacks,
};
