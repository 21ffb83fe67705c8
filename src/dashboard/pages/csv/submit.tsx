/** Checks all rows on the server, or sends them as a batch. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from '../../../client/errors.ts';
import type { Batchwright } from '../../../client/index.ts';
import { Button } from '../../components/button.tsx';
import { confirm } from '../../components/confirm.tsx';
import { errorText, report } from '../../components/toasts.tsx';
import { type ActionText, partsOf } from '../../state/action.ts';
import { count, counted } from '../../state/format.ts';
import { go, hrefOf } from '../../state/place.ts';
import { client } from '../../state/session.ts';
import { type Checked, type CsvJobs, checkRows, sendRows } from './jobs.ts';

interface SubmitProps extends Pick<CsvJobs, 'source' | 'named' | 'params'> {
  action: ActionText;
  isRefused: boolean;
}

/** The share is undefined while the browser sends the file by itself. */
type Work = { what: 'check' | 'run'; share: number | undefined };

export function Submit({ source, named, params, action, isRefused }: SubmitProps) {
  const [work, setWork] = useState<Work>();
  const [checked, setChecked] = useState<Checked>();
  const [problems, setProblems] = useState<readonly string[]>([]);
  const [skipInvalid, setSkipInvalid] = useState(false);
  const control = useRef<AbortController>(undefined);
  useEffect(() => () => control.current?.abort(), []);
  // The figures are those of other params.
  useEffect(() => setChecked(undefined), [params]);

  const perform = async (
    what: Work['what'],
    call: (client: Batchwright, jobs: CsvJobs) => Promise<void>,
  ): Promise<void> => {
    const { value } = client;
    if (!value) return;
    const own = new AbortController();
    control.current = own;
    setProblems([]);
    setChecked(undefined);
    setWork({ what, share: what === 'run' && named ? undefined : 0 });
    const onRead = (bytes: number) => setWork({ what, share: bytes / source.file.size });
    try {
      await call(value, { source, named, params, action: partsOf(action.name), signal: own.signal, onRead });
    } catch (error) {
      if (own.signal.aborted) return;
      const isListed = error instanceof ApiError && error.status === 400 && error.messages.length > 0;
      setProblems(isListed ? error.messages : [errorText(error)]);
    } finally {
      setWork(undefined);
    }
  };
  const check = () =>
    perform('check', async (value, jobs) => {
      setChecked(await checkRows(value, jobs));
    });
  const run = async () => {
    const isSure = await confirm({
      title: `Run ${action.name} for each row?`,
      text: skipInvalid
        ? 'Rows that break the schema become failed results, and the others run.'
        : 'When any row breaks the schema, nothing is stored and nothing runs.',
      action: 'Run it',
      kind: 'main',
    });
    if (!isSure) return;
    await perform('run', async (value, jobs) => {
      const batch = await sendRows(value, jobs, skipInvalid);
      report(`${counted(batch.counts.total, 'job')} sent.`);
      go(hrefOf(`/batches/${batch.asyncId}`));
    });
  };
  return (
    <section class="section" aria-labelledby="submit-title">
      <div class="section-head">
        <h2 id="submit-title">Check and run</h2>
      </div>
      <label class="check-field">
        <input
          type="checkbox"
          checked={skipInvalid}
          onChange={({ currentTarget }) => setSkipInvalid(currentTarget.checked)}
        />
        Run the valid rows even if others are not
      </label>
      <div class="form-buttons">
        <Button kind="main" icon="actions" disabled={isRefused || work !== undefined} onPress={run}>
          Run for each row
        </Button>
        <Button icon="done" disabled={isRefused || work !== undefined} onPress={check}>
          Check all rows
        </Button>
        {work && (
          <>
            <Progress {...work} />
            <Button onPress={() => control.current?.abort()}>Stop</Button>
          </>
        )}
      </div>
      <div class="said" role="status">
        {checked && <Result checked={checked} />}
      </div>
      <div class="said" role="alert">
        {problems.length > 0 && <Problems messages={problems} />}
      </div>
    </section>
  );
}

function Progress({ what, share }: Work) {
  const isRead = share !== undefined && share < 1;
  const text = isRead
    ? `${what === 'check' ? 'Checking' : 'Reading'} the file`
    : 'The server stores the batch';
  return (
    <label class="inline-field">
      {text}
      <progress max={1} value={share} />
    </label>
  );
}

function Result({ checked: { rows, wrong, faults } }: { checked: Checked }) {
  if (wrong === 0)
    return (
      <p class="verdict good">
        {rows === 1 ? 'The row is valid.' : `All ${count(rows)} rows are valid.`} Nothing was stored.
      </p>
    );
  return (
    <div class="refused">
      <h3>
        {count(wrong)} of {counted(rows, 'row')} {wrong === 1 ? 'is' : 'are'} not valid. Nothing was stored.
      </h3>
      <ul>
        {faults.map(({ line, text }) => (
          <li key={`${line} ${text}`}>
            <strong>line {line}</strong> <bdi>{text}</bdi>
          </li>
        ))}
      </ul>
      {faults.length < wrong && <p class="muted">These are the first.</p>}
    </div>
  );
}

function Problems({ messages }: { messages: readonly string[] }) {
  return (
    <div class="refused">
      <h3>The batch was not sent</h3>
      <ul>
        {messages.map((text) => (
          <li key={text}>
            <bdi>{text}</bdi>
          </li>
        ))}
      </ul>
    </div>
  );
}
