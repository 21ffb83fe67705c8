/** Runs an action once: its params as a form or as JSON, checked by the server, run as a batch of one job. */
import { useMemo, useState } from 'preact/hooks';
import { BadRequestError } from '../../../client/errors.ts';
import { jobText } from '../../../json/job-text.ts';
import { parseRaw } from '../../../json/raw-numbers.ts';
import { Button } from '../../components/button.tsx';
import { Choice } from '../../components/choice.tsx';
import { type Faults, faultsAt, faultsOf } from '../../components/form/faults.ts';
import { Field } from '../../components/form/field.tsx';
import { ObjectControl } from '../../components/form/object.tsx';
import { isMembers, type Schema, shapesOf } from '../../components/form/schema.ts';
import { report } from '../../components/toasts.tsx';
import { type ActionText, partsOf } from '../../state/action.ts';
import { hrefWith, queryValue, replace } from '../../state/place.ts';
import { client } from '../../state/session.ts';
import { Answer } from './answer.tsx';
import { type Draft, useDraft } from './draft.ts';

interface RunProps {
  action: ActionText;
  /** The params at the beginning, as JSON. */
  firstText: string;
  /** Why the key may not run it. */
  refusal: string | undefined;
}

const NO_FAULTS: Faults = [];

export function Run({ action, firstText, refusal }: RunProps) {
  const draft = useDraft(firstText);
  const [refused, setRefused] = useState<readonly string[]>([]);
  const faults = useMemo(() => (refused.length === 0 ? NO_FAULTS : faultsOf(refused)), [refused]);
  const asyncId = queryValue('run');
  const isJson = queryValue('as') === 'json';
  const batch = () => `{"jobs":[${jobText(partsOf(action.name), draft.text)}]}`;

  /** Shows the faults that the server finds. */
  const attempt = async (call: () => Promise<void>) => {
    setRefused([]);
    try {
      await call();
    } catch (error) {
      if (!(error instanceof BadRequestError)) throw error;
      setRefused(error.messages.length > 0 ? error.messages : [error.message]);
      requestAnimationFrame(() =>
        document
          .querySelector<HTMLElement>('.form [aria-invalid="true"]:is(input, textarea, select)')
          ?.focus(),
      );
    }
  };
  const check = () =>
    attempt(async () => {
      await client.value?.batches.validate(batch());
      report('The params are valid. Nothing was run.');
    });
  const run = () =>
    attempt(async () => {
      const sent = await client.value?.batches.create(batch());
      if (sent) replace(hrefWith({ run: sent.asyncId }));
    });

  const isBlocked = draft.problem !== null || refusal !== undefined;
  return (
    <section class="section" aria-labelledby="run-title">
      <div class="section-head">
        <h2 id="run-title">Run one</h2>
        <Choice
          label="How the params are written"
          name="as"
          values={[
            { value: undefined, text: 'Form' },
            { value: 'json', text: 'JSON' },
          ]}
        />
      </div>
      <div class="form">
        {isJson ? <JsonEditor draft={draft} /> : <ParamsForm action={action} draft={draft} faults={faults} />}
        <Refused messages={refused} />
        <div class="form-buttons">
          <Button kind="main" icon="actions" disabled={isBlocked} reason={refusal} onPress={run}>
            Run
          </Button>
          <Button icon="done" disabled={isBlocked} reason={refusal} onPress={check}>
            Check only
          </Button>
          <span class="spring" />
          <Button kind="plain" icon="restart" onPress={() => draft.setText(firstText)}>
            Begin again
          </Button>
        </div>
      </div>
      {asyncId && <Answer key={asyncId} asyncId={asyncId} />}
    </section>
  );
}

function ParamsForm({ action, draft, faults }: { action: ActionText; draft: Draft; faults: Faults }) {
  const schema = useMemo(() => parseRaw(action.schemaText) as Schema, [action.schemaText]);
  const shape = shapesOf(schema, schema).find(({ kind }) => kind === 'object');
  if (draft.problem !== null || !shape || !(isMembers(draft.value) || draft.value === null))
    return (
      <p class="form-fault">
        {draft.problem === null
          ? 'These params have no form: write them as JSON.'
          : 'The text is not JSON yet. Correct it in the JSON view; the form then shows it.'}
      </p>
    );
  return (
    <>
      {faultsAt(faults, '').map((text) => (
        <p key={text} class="form-fault">
          The params {text}
        </p>
      ))}
      <ObjectControl
        key={draft.revision}
        Field={Field}
        label="params"
        shape={shape}
        root={schema}
        value={draft.value}
        path=""
        depth={0}
        faults={faults}
        onChange={draft.setValue}
      />
    </>
  );
}

function JsonEditor({ draft }: { draft: Draft }) {
  return (
    <>
      <textarea
        class="input area mono editor"
        aria-label="Params as JSON"
        aria-describedby="json-problem"
        aria-invalid={draft.problem !== null}
        spellcheck={false}
        value={draft.text}
        onInput={({ currentTarget }) => draft.setText(currentTarget.value)}
      />
      <p id="json-problem" class="form-fault" role="status">
        {draft.problem && `This is not JSON: ${draft.problem}`}
      </p>
    </>
  );
}

function Refused({ messages }: { messages: readonly string[] }) {
  return (
    <div class="said" role="alert">
      {messages.length > 0 && (
        <div class="refused">
          <h3>The server refuses this</h3>
          <ul>
            {messages.map((text) => (
              <li key={text}>
                <bdi>{text}</bdi>
              </li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}
