/** Sends one signed callback to a receiver, and shows what came back. */
import { useState } from 'preact/hooks';
import type { TestedCallback } from '../../../client/index.ts';
import { Button } from '../../components/button.tsx';
import { Code } from '../../components/code.tsx';
import { Dialog } from '../../components/dialog.tsx';
import { errorText } from '../../components/toasts.tsx';
import { duration } from '../../state/format.ts';
import { useOwnKey } from '../../state/own-key.ts';
import { client } from '../../state/session.ts';

export function TestDialog({ onClose }: { onClose: () => void }) {
  const own = useOwnKey();
  const [url, setUrl] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<TestedCallback>();
  const [refusal, setRefusal] = useState<string>();
  const send = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setAnswer(undefined);
    setRefusal(undefined);
    try {
      setAnswer(await client.value?.testCallback(url.trim()));
    } catch (error) {
      setRefusal(errorText(error));
    } finally {
      setBusy(false);
    }
  };
  const mayNot = own?.isAdmin === false;
  return (
    <Dialog title="Send a test callback" onClose={onClose}>
      <form class="dialog-form" onSubmit={(event) => void send(event)}>
        <p class="muted">
          The receiver gets one signed POST with <code>"test": true</code> in its body and no results. Nothing
          is tried again.
        </p>
        <label class="field">
          Address of the receiver
          <input
            class="input mono"
            type="url"
            name="url"
            required
            placeholder="https://example.com/hook"
            value={url}
            onInput={({ currentTarget }) => setUrl(currentTarget.value)}
          />
        </label>
        {mayNot && <p class="inline-error">This key may not: it lacks the permission admin.</p>}
        <div role="status" class="test-answer">
          {isBusy && <p class="muted">Waiting for the receiver…</p>}
          {refusal && <p class="inline-error">{refusal}</p>}
          {answer && <Answer answer={answer} />}
        </div>
        <div class="dialog-buttons">
          <Button onPress={onClose}>Close</Button>
          <Button type="submit" kind="main" icon="send" disabled={isBusy || mayNot || url.trim() === ''}>
            Send
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Answer({ answer: { status, error, durationMs, excerpt, id } }: { answer: TestedCallback }) {
  return (
    <>
      <p class={error === null ? 'verdict good' : 'verdict bad'}>
        {error === null ? (
          `It would be delivered: the receiver answered ${status} after ${duration(durationMs)}.`
        ) : (
          <>
            It would fail: <bdi>{error}</bdi>
          </>
        )}
      </p>
      <p class="muted">
        webhook-id <code>{id}</code>
      </p>
      {excerpt !== null && excerpt !== '' && <Code title="What it answered" text={excerpt} isJson={false} />}
    </>
  );
}
