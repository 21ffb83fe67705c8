/** What the parts of a form are given. */
import type { ComponentType } from 'preact';
import type { Faults } from './faults.ts';
import type { Schema, Shape } from './schema.ts';

export interface FieldProps {
  label: string;
  schema: unknown;
  /** The whole schema, which has what `$ref` names. */
  root: Schema;
  /** Numbers are RawNumbers; undefined for a value that is not given. */
  value: unknown;
  path: string;
  isRequired?: boolean;
  depth: number;
  faults: Faults;
  /** Undefined takes the value out. */
  onChange: (value: unknown) => void;
  onRemove?: () => void;
}

/** What a control of a single value needs. */
export interface ControlProps {
  id: string;
  shape: Shape;
  value: unknown;
  describedBy: string;
  isRequired: boolean;
  isWrong: boolean;
  onChange: (value: unknown) => void;
}

/** What a control of an object or a list needs. */
export interface GroupProps
  extends Pick<FieldProps, 'label' | 'root' | 'value' | 'path' | 'depth' | 'faults' | 'onChange'> {
  shape: Shape;
  /** Shows one of its values. */
  Field: ComponentType<FieldProps>;
}
