/** The parts that JSON Schemas of the contract are made of. */

/** A JSON Schema, draft 2020-12. */
export type Schema = { [keyword: string]: unknown };

export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
export const object = (properties: Record<string, Schema>, ...optional: string[]): Schema => ({
  type: 'object',
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  properties,
});
export const arrayOf = (items: Schema): Schema => ({ type: 'array', items });
export const orNull = (type: string, more: Schema = {}): Schema => ({ type: [type, 'null'], ...more });
export const described = (description: string, schema: Schema): Schema => ({ ...schema, description });

export const text: Schema = { type: 'string' };
export const flag: Schema = { type: 'boolean' };
export const count: Schema = { type: 'integer', minimum: 0 };
export const time: Schema = { type: 'string', format: 'date-time' };
export const anything: Schema = {};
export const asyncId: Schema = {
  type: 'string',
  pattern: '^[0-9a-f]{32}$',
  description: 'The id of a batch.',
};
