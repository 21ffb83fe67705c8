/** The members of an object: those that the schema requires, those that are given, and what may be added. */
import { useState } from 'preact/hooks';
import { Icon } from '../icons.tsx';
import { pathOf } from './faults.ts';
import type { GroupProps } from './props.ts';
import { firstValue, isMembers, type Members, shapesOf } from './schema.ts';

/** More are in the JSON view: a browser needs long for thousands of fields. */
export const MOST_FIELDS = 50;

export function ObjectControl({
  Field,
  shape,
  root,
  value,
  path,
  depth,
  faults,
  onChange,
  label,
}: GroupProps) {
  const members: Members = isMembers(value) ? value : {};
  const properties = (shape.schema.properties as Members | undefined) ?? {};
  const { additionalProperties } = shape.schema;
  const required = new Set((shape.schema.required as string[] | undefined) ?? []);
  const [added, setAdded] = useState<readonly string[]>([]);
  const known = Object.keys(properties).filter((name) => properties[name] !== false);
  const isShown = (name: string) =>
    required.has(name) || Object.hasOwn(members, name) || added.includes(name);
  const others = Object.keys(members).filter((name) => !known.includes(name));
  const shown = [...known.filter(isShown), ...others];

  const set = (name: string, next: unknown) => {
    const { [name]: _, ...rest } = members;
    if (next === undefined) onChange(rest);
    // In its old place
    else onChange({ ...members, [name]: next });
  };
  const add = (name: string) => {
    setAdded([...added, name]);
    const [first] = shapesOf(properties[name] ?? additionalProperties, root);
    const next = first && firstValue(first);
    if (next !== undefined) set(name, next);
    focusField(`param${pathOf(path, name)}`);
  };
  return (
    <div class="form-members">
      {shown.slice(0, MOST_FIELDS).map((name) => (
        <Field
          key={name}
          label={name}
          schema={known.includes(name) ? properties[name] : additionalProperties}
          root={root}
          value={members[name]}
          path={pathOf(path, name)}
          isRequired={required.has(name)}
          depth={depth + 1}
          faults={faults}
          onChange={(next) => set(name, next)}
          {...(required.has(name)
            ? {}
            : {
                onRemove: () => {
                  setAdded(added.filter((other) => other !== name));
                  set(name, undefined);
                  focusField(`add${pathOf(path, name)}`);
                },
              })}
        />
      ))}
      {shown.length > MOST_FIELDS && (
        <p class="muted">{shown.length - MOST_FIELDS} more are in the JSON view.</p>
      )}
      <div class="form-add">
        {known
          .filter((name) => !isShown(name))
          .map((name) => (
            <button
              key={name}
              id={`add${pathOf(path, name)}`}
              type="button"
              class="add-chip"
              aria-label={`Add ${name} to ${label}`}
              onClick={() => add(name)}
            >
              <Icon name="add" />
              <bdi>{name}</bdi>
            </button>
          ))}
        {additionalProperties !== false && <AddMember label={label} onAdd={add} />}
      </div>
    </div>
  );
}

/** A member with a name of its own. */
function AddMember({ label, onAdd }: { label: string; onAdd: (name: string) => void }) {
  const [name, setName] = useState('');
  const submit = (event: Event) => {
    event.preventDefault();
    if (name === '') return;
    onAdd(name);
    setName('');
  };
  return (
    <form class="add-member" onSubmit={submit}>
      <input
        class="input small"
        aria-label={`Name of another member of ${label}`}
        placeholder="another name"
        value={name}
        onInput={({ currentTarget }) => setName(currentTarget.value)}
      />
      <button type="submit" class="button small" disabled={name === ''}>
        Add
      </button>
    </form>
  );
}

const FOCUSABLE = 'input, textarea, select, button';

/** Once it is in the page: the control, or the first of a group. */
function focusField(id: string): void {
  requestAnimationFrame(() => {
    const element = document.getElementById(id);
    const control = element?.matches(FOCUSABLE) ? element : element?.querySelector<HTMLElement>(FOCUSABLE);
    control?.focus();
  });
}
