/** The schema of an action's params as a part of the document. */

/** Keywords whose members have names that the schema's author chose, each with a schema. */
const MAPS = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']);
/** Keywords whose values are not schemas. */
const VALUES = new Set(['const', 'default', 'enum', 'examples', 'required', 'dependentRequired']);
/** Keywords by which a schema is not only found by its place. */
const BASES = /"\$(?:id|anchor|dynamicAnchor|dynamicRef)"/;

/**
 * References within the schema lead to places of the document: generators of clients follow no others. A schema that has
 * names for its parts gets a base of its own instead, as in JSON Schema.
 */
export function paramsSchema(name: string, params: object): object {
  const text = JSON.stringify(params);
  if (!text.includes('"$ref"')) return params;
  return BASES.test(text)
    ? { $id: `urn:batchwright:params:${name}`, ...params }
    : (moved(params, `#/components/schemas/${name}`) as object);
}

function moved(schema: unknown, root: string): unknown {
  if (Array.isArray(schema)) return schema.map((part) => moved(part, root));
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => [keyword, movedValue(keyword, value, root)]),
  );
}

function movedValue(keyword: string, value: unknown, root: string): unknown {
  if (keyword === '$ref' && typeof value === 'string') return value.replace(/^#/, root);
  if (VALUES.has(keyword)) return value;
  if (!MAPS.has(keyword) || typeof value !== 'object' || value === null) return moved(value, root);
  return Object.fromEntries(Object.entries(value).map(([member, part]) => [member, moved(part, root)]));
}
