/** The elements of a list. */
import { Icon } from '../icons.tsx';
import { pathOf } from './faults.ts';
import { MOST_FIELDS } from './object.tsx';
import type { GroupProps } from './props.ts';
import { firstValue, shapesOf } from './schema.ts';

export function ListControl({ Field, shape, root, value, path, depth, faults, onChange, label }: GroupProps) {
  const elements: unknown[] = Array.isArray(value) ? value : [];
  const { items, prefixItems } = shape.schema;
  const schemaAt = (n: number): unknown => (prefixItems as unknown[] | undefined)?.[n] ?? items;
  // An element cannot be absent: until somebody writes it, it is an empty text.
  const set = (n: number, next: unknown) => onChange(elements.with(n, next ?? ''));
  const add = () => {
    const [first] = shapesOf(schemaAt(elements.length), root);
    onChange([...elements, (first && firstValue(first)) ?? (first?.kind === 'null' ? null : '')]);
  };
  return (
    <div class="form-members">
      {elements.slice(0, MOST_FIELDS).map((element, n) => (
        <Field
          key={n}
          label={`${label} ${n + 1}`}
          schema={schemaAt(n)}
          root={root}
          value={element}
          path={pathOf(path, n)}
          depth={depth + 1}
          faults={faults}
          onChange={(next) => set(n, next)}
          onRemove={() => onChange(elements.toSpliced(n, 1))}
        />
      ))}
      {elements.length > MOST_FIELDS && (
        <p class="muted">{elements.length - MOST_FIELDS} more are in the JSON view.</p>
      )}
      <div class="form-add">
        <button type="button" class="add-chip" aria-label={`Add an element to ${label}`} onClick={add}>
          <Icon name="add" />
          element
        </button>
      </div>
    </div>
  );
}
