/** Controls of single values. */
import { useState } from 'preact/hooks';
import { isRawNumber, parseRaw, rawNumber } from '../../../json/raw-numbers.ts';
import type { ControlProps } from './props.ts';
import { choicesOf } from './schema.ts';

const NO_CHOICE = -1;

/** A text area, because an input would drop line breaks. */
export function TextControl({ id, value, describedBy, isRequired, isWrong, onChange }: ControlProps) {
  return (
    <textarea
      id={id}
      class="input area"
      rows={1}
      dir="auto"
      spellcheck={false}
      value={typeof value === 'string' ? value : ''}
      aria-describedby={describedBy}
      aria-required={isRequired}
      aria-invalid={isWrong}
      onInput={({ currentTarget }) => onChange(currentTarget.value)}
    />
  );
}

/** The number as it is typed. What is not a number stays a text, which the server refuses. */
export function NumberControl({ id, value, describedBy, isRequired, isWrong, onChange }: ControlProps) {
  const isNumber = value === undefined || isRawNumber(value);
  return (
    <>
      <input
        id={id}
        class="input mono"
        inputMode="decimal"
        autocomplete="off"
        value={shownNumber(value)}
        aria-describedby={describedBy}
        aria-required={isRequired}
        aria-invalid={isWrong || !isNumber}
        onInput={({ currentTarget: { value: text } }) =>
          onChange(text.trim() === '' ? undefined : (rawNumber(text.trim()) ?? text))
        }
      />
      {!isNumber && !isWrong && <span class="form-fault">This is not a number.</span>}
    </>
  );
}

/** What is no number, as where the example or the JSON view has it, is shown as it is. */
function shownNumber(value: unknown): string {
  if (value === undefined) return '';
  if (isRawNumber(value)) return value.rawJSON;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function FlagControl(props: ControlProps) {
  return <Select {...props} choices={[true, false]} />;
}

export function ChoiceControl(props: ControlProps) {
  return <Select {...props} choices={choicesOf(props.shape.schema)} />;
}

function Select({
  id,
  value,
  describedBy,
  isRequired,
  isWrong,
  onChange,
  choices,
}: ControlProps & { choices: unknown[] }) {
  const texts = choices.map((choice) => JSON.stringify(choice));
  const current = value === undefined ? NO_CHOICE : texts.indexOf(JSON.stringify(value));
  return (
    <select
      id={id}
      class="select"
      value={current}
      aria-describedby={describedBy}
      aria-required={isRequired}
      aria-invalid={isWrong}
      onChange={({ currentTarget }) => {
        const n = Number(currentTarget.value);
        onChange(n === NO_CHOICE ? undefined : choices[n]);
      }}
    >
      <option value={NO_CHOICE}>–</option>
      {choices.map((choice, n) => (
        <option key={texts[n]} value={n}>
          {typeof choice === 'string' ? choice : texts[n]}
        </option>
      ))}
    </select>
  );
}

/** Any JSON. What is not JSON yet is kept here, and the value before it stays. */
export function AnyControl({ id, value, describedBy, isRequired, isWrong, onChange }: ControlProps) {
  const [typed, setTyped] = useState<{ text: string; value: unknown }>();
  const text = typed && typed.value === value ? typed.text : value === undefined ? '' : written(value);
  const problem = problemOf(text);
  return (
    <>
      <textarea
        id={id}
        class="input area mono"
        rows={2}
        spellcheck={false}
        placeholder="JSON"
        value={text}
        aria-describedby={describedBy}
        aria-required={isRequired}
        aria-invalid={isWrong || problem !== null}
        onInput={({ currentTarget }) => {
          const next = currentTarget.value;
          if (problemOf(next) !== null) return setTyped({ text: next, value });
          const parsed = next.trim() === '' ? undefined : parseRaw(next);
          setTyped({ text: next, value: parsed });
          onChange(parsed);
        }}
      />
      {problem && <span class="form-fault">{problem}</span>}
    </>
  );
}

function written(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

function problemOf(text: string): string | null {
  if (text.trim() === '') return null;
  try {
    parseRaw(text);
    return null;
  } catch (error) {
    return `This is not JSON yet: ${(error as Error).message}`;
  }
}
