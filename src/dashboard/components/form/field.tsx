/** One value of a form: its name, its control, what is wrong with it. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Button } from '../button.tsx';
import { type Faults, faultsAt } from './faults.ts';
import { ListControl } from './list.tsx';
import { ObjectControl } from './object.tsx';
import type { ControlProps, FieldProps } from './props.ts';
import { AnyControl, ChoiceControl, FlagControl, NumberControl, TextControl } from './scalars.tsx';
import { firstValue, fits, rulesOf, type Shape, shapesOf } from './schema.ts';

/** Parts that are nested more deeply are shown as JSON. */
const MAX_DEPTH = 5;

export function Field(props: FieldProps) {
  const { label, schema, root, value, path, isRequired = false, depth, faults, onChange, onRemove } = props;
  const shapes = depth > MAX_DEPTH ? [ANY] : shapesOf(schema, root);
  const [chosen, setChosen] = useState(0);
  const shape = currentShape(shapes, chosen, value);
  const wrong = useFaults(faults, path, value);
  const id = `param${path}`;
  const rules = rulesOf(shape);
  const { description } = shape.schema;
  const describedBy = `${id}-rules ${id}-hint ${id}-fault`;

  const choose = (n: number) => {
    setChosen(n);
    const next = shapes[n];
    if (next && !fits(next, value)) onChange(firstValue(next));
  };
  const about = (
    <>
      {isRequired && <span class="form-required">required</span>}
      <span id={`${id}-rules`} class="form-rules">
        {rules}
      </span>
    </>
  );
  const tools = (
    <span class="form-tools">
      {shapes.length > 1 && (
        <select
          class="select small"
          aria-label={`Type of ${label}`}
          value={shapes.indexOf(shape)}
          onChange={({ currentTarget }) => choose(Number(currentTarget.value))}
        >
          {shapes.map(({ title }, n) => (
            <option key={title} value={n}>
              {title}
            </option>
          ))}
        </select>
      )}
      {onRemove && <Button kind="plain" icon="close" label={`Remove ${label}`} onPress={onRemove} />}
    </span>
  );
  const foot = (
    <>
      <span id={`${id}-hint`} class="form-hint">
        {typeof description === 'string' ? description : ''}
      </span>
      <span id={`${id}-fault`} class="form-fault">
        {wrong.join('; ')}
      </span>
    </>
  );
  if (shape.kind === 'object' || shape.kind === 'list') {
    const Control = shape.kind === 'object' ? ObjectControl : ListControl;
    return (
      <fieldset
        id={id}
        class="form-group"
        data-wrong={wrong.length > 0 || undefined}
        aria-describedby={describedBy}
      >
        <legend>
          <bdi class="form-name">{label}</bdi>
        </legend>
        <div class="form-head">
          {about}
          <span class="spring" />
          {tools}
        </div>
        {foot}
        <Control {...{ Field, shape, root, value, path, depth, faults, onChange, label }} />
      </fieldset>
    );
  }
  return (
    <div class="form-field">
      <div class="form-head">
        <label for={id}>
          <bdi class="form-name">{label}</bdi>
        </label>
        {about}
        <span class="spring" />
        {tools}
      </div>
      {control({ id, shape, value, describedBy, isRequired, isWrong: wrong.length > 0, onChange })}
      {foot}
    </div>
  );
}

const ANY: Shape = { kind: 'any', title: 'JSON', schema: {} };

/** The chosen shape while it fits, else one that fits; a value that fits none is shown as JSON. */
function currentShape(shapes: readonly Shape[], chosen: number, value: unknown): Shape {
  const shape = shapes[chosen] ?? (shapes[0] as Shape);
  if (value === undefined || fits(shape, value)) return shape;
  return shapes.find((other) => fits(other, value)) ?? ANY;
}

/** The faults at the path, until the value is another. */
function useFaults(faults: Faults, path: string, value: unknown): string[] {
  const [checked, setChecked] = useState({ faults, value });
  if (checked.faults !== faults) setChecked({ faults, value });
  return checked.faults !== faults || checked.value === value ? faultsAt(faults, path) : [];
}

function control(props: ControlProps): ComponentChildren {
  switch (props.shape.kind) {
    case 'text':
      return <TextControl {...props} />;
    case 'number':
      return <NumberControl {...props} />;
    case 'flag':
      return <FlagControl {...props} />;
    case 'choice':
      return <ChoiceControl {...props} />;
    case 'null':
      return (
        <input class="input mono" id={props.id} value="null" readOnly aria-describedby={props.describedBy} />
      );
    default:
      return <AnyControl {...props} />;
  }
}
