/** Parts of the descriptions of routes in `/openapi.json`, for the folders that have routes. */
import type { JSONSchema } from 'batchwright/plugin';

type Schemas = Readonly<Record<string, JSONSchema>>;

/** A schema of the document's components. */
export function ref(name: string): { readonly $ref: string } {
  return { $ref: `#/components/schemas/${name}` };
}

/** An object that always has all of these members. */
export function record(properties: Schemas) {
  return { type: 'object', required: Object.keys(properties), properties } as const satisfies JSONSchema;
}

export function listOf(items: JSONSchema) {
  return { type: 'array', items } as const satisfies JSONSchema;
}

/** JSON with an example, as the content of a body or of an answer. */
export function json(schema: JSONSchema, example?: unknown): object {
  return { 'application/json': { schema, ...(example === undefined ? {} : { example }) } };
}

export function answer(description: string, content: object): { description: string; content: object } {
  return { description, content };
}

export function inPath(name: string, description: string, schema: JSONSchema): object {
  return { name, in: 'path', required: true, description, schema };
}

/** An optional member of the query. */
export function inQuery(name: string, description: string, schema: JSONSchema): object {
  return { name, in: 'query', required: false, description, schema };
}

/** A header of a request. */
export function inHeader(name: string, description: string, isRequired = false): object {
  return { name, in: 'header', required: isRequired, description, schema: { type: 'string' } };
}

export const TEXT = { type: 'string' } as const satisfies JSONSchema;
export const TEXT_OR_NULL = { type: ['string', 'null'] } as const satisfies JSONSchema;
export const COUNT = { type: 'integer', minimum: 0 } as const satisfies JSONSchema;
export const ASYNC_ID = { type: 'string', pattern: '^[0-9a-f]{32}$' } as const satisfies JSONSchema;
