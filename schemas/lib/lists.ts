/**
 * The params of actions that return a page of a list: `start`, `perPage` and `filter`, as iVvy has them
 * (docs/systems.md). `jobs/lib/lists.ts` makes SQL of a filter.
 */
import type { JSONSchema } from 'batchwright/plugin';
import { STORABLE, TIMESTAMP } from './fields.ts';

/** How the values of a field compare. */
export type FieldKind = 'text' | 'integer' | 'date';

/** The fields of a list that a filter may name. */
export type ListFields = Readonly<Record<string, FieldKind>>;

/** Further names in a filter: each means a field and a suffix, as `startDateTime__GREATERTHAN`. */
export type Shortcuts = Readonly<Record<string, string>>;

/** By name, with its suffix. */
export type Filter = Record<string, string | number | boolean>;

export interface ListParams {
  start?: number;
  perPage?: number;
  filter?: Filter;
}

/** The value that asks for null. */
export const IS_NULL = '__ISNULL__';

const MAX = Number.MAX_SAFE_INTEGER;
/** Longer than the texts that are stored. */
const MAX_TEXT = 1000;

const INTEGER = { type: ['integer', 'string'], minimum: -MAX, maximum: MAX } as const;

/** The values of the names in a filter. Each is compiled once a list, although dozens of names take it. */
const VALUES = {
  text: { type: 'string', maxLength: MAX_TEXT, format: STORABLE },
  integer: { ...INTEGER, pattern: '^-?\\d{1,15}$' },
  integerOrNull: { ...INTEGER, pattern: `^(?:-?\\d{1,15}|${IS_NULL})$` },
  date: { type: 'string', format: TIMESTAMP },
  dateOrNull: { type: 'string', if: { const: IS_NULL }, else: { format: TIMESTAMP } },
  /** True, 1 and the empty text ask for empty fields, false and 0 for the others. */
  emptiness: { enum: [true, false, 1, 0, ''] },
} as const satisfies Record<string, JSONSchema>;

type Value = keyof typeof VALUES;

/** The values of a name that may ask for null. */
const NULLABLE: Record<FieldKind, Value> = { text: 'text', integer: 'integerOrNull', date: 'dateOrNull' };

const TEXT_SUFFIXES = ['CONTAINS', 'NOTCONTAINS', 'BEGINS', 'ENDS'];

/** The params of every list: the zero-based record to start from, and how many records. */
export const page = {
  start: { type: 'integer', minimum: 0, maximum: MAX },
  // More than the cap is the cap: jobs/lib/lists.ts.
  perPage: { type: 'integer', minimum: 1, maximum: MAX },
} as const satisfies Record<string, JSONSchema>;

/** The schema of a list's params, with further properties of this list. */
export function listSchema(
  fields: ListFields,
  {
    shortcuts = {},
    properties = {},
    required = [],
  }: { shortcuts?: Shortcuts; properties?: Record<string, JSONSchema>; required?: readonly string[] } = {},
) {
  return {
    type: 'object',
    required,
    additionalProperties: false,
    properties: {
      ...properties,
      ...page,
      filter: filterSchema(fields, shortcuts),
    },
    $defs: VALUES,
  } as const satisfies JSONSchema;
}

function filterSchema(fields: ListFields, shortcuts: Shortcuts): JSONSchema {
  const names = Object.entries(fields).flatMap(([field, kind]) => namesOf(field, kind));
  const properties: Record<string, JSONSchema> = Object.fromEntries(
    names.map(([name, value]) => [name, { $ref: `#/$defs/${value}` }]),
  );
  for (const [name, meaning] of Object.entries(shortcuts)) properties[name] = properties[meaning] ?? false;
  return { type: 'object', additionalProperties: false, properties };
}

/** The names of a field in a filter, with the values that each takes. */
function namesOf(field: string, kind: FieldKind): [name: string, values: Value][] {
  return [
    [field, NULLABLE[kind]],
    [`${field}__NOT`, NULLABLE[kind]],
    [`${field}__LESSTHAN`, kind],
    [`${field}__GREATERTHAN`, kind],
    [`${field}__EMPTY`, 'emptiness'],
    ...(kind === 'text' ? TEXT_SUFFIXES : []).map((suffix): [string, Value] => [`${field}__${suffix}`, kind]),
  ];
}
