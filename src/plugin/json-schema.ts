import type { JSONSchema as Draft7 } from 'json-schema-to-ts';

/**
 * A JSON Schema. `$ref` may name a schema in `$defs`; `FromSchema` does not follow it, and types such a value as `unknown`.
 */
export type JSONSchema =
  | Draft7
  | (Exclude<Draft7, boolean> & { readonly $defs?: Readonly<Record<string, Draft7>> });
