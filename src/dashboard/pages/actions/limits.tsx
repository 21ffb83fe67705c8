/** What limits an action, for all tenants. The operator changes it; others are told. */
import { useState } from 'preact/hooks';
import { Button } from '../../components/button.tsx';
import { confirm } from '../../components/confirm.tsx';
import { Loaded } from '../../components/notice.tsx';
import { report } from '../../components/toasts.tsx';
import { type ActionLimits, type Limits, useActionLimits } from '../../state/action.ts';
import { limitsText } from '../../state/limits-text.ts';
import { send } from '../../state/session.ts';

interface LimitsPanelProps {
  name: string;
  /** Undefined until it is known. */
  isOperator: boolean | undefined;
}

export function LimitsPanel({ name, isOperator }: LimitsPanelProps) {
  const all = useActionLimits();
  const [isOpen, setOpen] = useState(false);
  const change = async (json: { paused?: boolean; limits?: Limits | null }, done: string) => {
    await send(`/v1/actions/${encodeURIComponent(name)}`, { method: 'PATCH', json });
    report(done);
    setOpen(false);
    all.reload();
  };
  return (
    <section class="section" aria-labelledby="limits-title">
      <div class="section-head">
        <h2 id="limits-title">Limits</h2>
        <span class="muted">for all tenants together</span>
      </div>
      <Loaded resource={all} what="list of limits">
        {(actions) => {
          const current = actions.find((one) => one.name === name) ?? { name, paused: false, limits: null };
          return (
            <div class="limits">
              <p class="limits-text">
                {current.paused && <span class="tag warn">paused</span>}
                {limitsText(current.limits)}
              </p>
              {isOperator === false && (
                <p class="muted">Only an admin key of the tenant default changes them.</p>
              )}
              {isOperator && (
                <div class="buttons">
                  <PauseButton {...current} change={change} />
                  <Button onPress={() => setOpen(!isOpen)}>{isOpen ? 'Close' : 'Change limits'}</Button>
                </div>
              )}
              {isOpen && <LimitsForm limits={current.limits ?? {}} name={name} change={change} />}
            </div>
          );
        }}
      </Loaded>
    </section>
  );
}

type Change = (json: { paused?: boolean; limits?: Limits | null }, done: string) => Promise<void>;

function PauseButton({ name, paused, change }: ActionLimits & { change: Change }) {
  const pause = async () => {
    const isSure = await confirm({
      title: `Pause ${name}?`,
      text: 'No job of it starts for any tenant until somebody resumes it. Jobs that run go on to their end.',
      action: 'Pause it',
    });
    if (isSure) await change({ paused: true }, `${name} is paused.`);
  };
  return paused ? (
    <Button kind="main" icon="actions" onPress={() => change({ paused: false }, `${name} runs again.`)}>
      Resume
    </Button>
  ) : (
    <Button icon="pause" kind="danger" onPress={pause}>
      Pause
    </Button>
  );
}

/** What shares a limit. */
const BY_HINT = 'tenant, a place in the params such as /account, or host of /url';

const FIELDS = [
  { name: 'max', text: 'At once', hint: 'runs at the same time' },
  { name: 'maxBy', text: 'At once for each', hint: BY_HINT, isName: true },
  { name: 'limit', text: 'Starts', hint: 'in a period' },
  { name: 'perSeconds', text: 'Period', hint: 'in seconds' },
  { name: 'burst', text: 'Burst', hint: 'starts at once after a pause' },
  { name: 'rateBy', text: 'Starts for each', hint: BY_HINT, isName: true },
] as const;

interface LimitsFormProps {
  limits: Limits;
  name: string;
  change: Change;
}

function LimitsForm({ limits, name, change }: LimitsFormProps) {
  const { concurrency, rate } = limits;
  const [values, setValues] = useState({
    max: String(concurrency?.max ?? ''),
    maxBy: concurrency?.by ?? '',
    limit: String(rate?.limit ?? ''),
    perSeconds: String(rate?.perSeconds ?? ''),
    burst: String(rate?.burst ?? ''),
    rateBy: rate?.by ?? '',
  });
  const submit = async () => {
    const isSure = await confirm({
      title: `Change the limits of ${name}?`,
      text: 'They hold for all tenants and all batches, also for those that run now.',
      action: 'Change them',
      kind: 'main',
    });
    if (isSure) await change({ limits: limitsOf(values, limits) }, `The limits of ${name} are changed.`);
  };
  const restore = async () => {
    const isSure = await confirm({
      title: `Restore the limits of ${name}?`,
      text: 'Those in its file hold again, for all tenants.',
      action: 'Restore them',
      kind: 'main',
    });
    if (isSure) await change({ limits: null }, `${name} has the limits of its file.`);
  };
  return (
    <div class="limits-form">
      {FIELDS.map(({ name: field, text, hint, ...kind }) => (
        <div key={field} class="field">
          <label for={`limit-${field}`}>{text}</label>
          <input
            id={`limit-${field}`}
            class={'isName' in kind ? 'input mono' : 'input'}
            inputMode={'isName' in kind ? 'text' : 'decimal'}
            aria-describedby={`limit-${field}-hint`}
            placeholder={'isName' in kind ? 'all jobs together' : 'none'}
            value={values[field]}
            onInput={({ currentTarget }) => setValues({ ...values, [field]: currentTarget.value })}
          />
          <span id={`limit-${field}-hint`} class="form-rules">
            {hint}
          </span>
        </div>
      ))}
      <div class="form-buttons">
        <Button kind="main" onPress={submit}>
          Change limits
        </Button>
        <Button onPress={restore}>As in its file</Button>
      </div>
    </div>
  );
}

/** What the fields say; the rest stays. A text that is not a number is sent as it is: the server says what is wrong. */
function limitsOf(values: Record<(typeof FIELDS)[number]['name'], string>, old: Limits): Limits {
  const number = (text: string) => (Number.isNaN(Number(text)) ? text : Number(text)) as number;
  const by = (text: string) => (text.trim() === '' ? {} : { by: text.trim() });
  const { concurrency, rate, ...rest } = old;
  const { by: _oldBy, ...oldConcurrency } = concurrency ?? {};
  const { burst: _oldBurst, by: _oldRateBy, ...oldRate } = rate ?? {};
  return {
    ...rest,
    ...(values.max.trim() === ''
      ? {}
      : { concurrency: { ...oldConcurrency, max: number(values.max), ...by(values.maxBy) } }),
    ...(values.limit.trim() === ''
      ? {}
      : {
          rate: {
            ...oldRate,
            limit: number(values.limit),
            perSeconds: number(values.perSeconds || '1'),
            ...(values.burst.trim() === '' ? {} : { burst: number(values.burst) }),
            ...by(values.rateBy),
          },
        }),
  };
}
