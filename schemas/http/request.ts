import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  required: ['url'],
  additionalProperties: false,
  properties: {
    url: { type: 'string', maxLength: 8192, format: 'one-line', pattern: '^https?://' },
    // GET when absent, POST with a body.
    method: { type: 'string', pattern: '^(?i:GET|HEAD|OPTIONS|POST|PUT|PATCH|DELETE)$' },
    // Added to the URL's query. An array repeats its name.
    query: {
      type: 'object',
      maxProperties: 100,
      propertyNames: { format: 'well-formed', maxLength: 8192 },
      additionalProperties: {
        type: ['string', 'number', 'boolean', 'array'],
        format: 'well-formed',
        maxLength: 8192,
        maxItems: 1000,
        items: { type: ['string', 'number', 'boolean'], format: 'well-formed', maxLength: 8192 },
      },
    },
    headers: {
      type: 'object',
      maxProperties: 100,
      // RFC 9110: a name is a token; a value is one line, in characters that Node sends unchanged.
      propertyNames: { pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$" },
      additionalProperties: { type: 'string', maxLength: 8192, pattern: '^[\\t\\x20-\\x7e\\x80-\\xff]*$' },
    },
    // Any text that UTF-8 can encode.
    body: { type: 'string', format: 'well-formed' },
    // Any JSON, in place of body.
    json: {},
    as: { enum: ['text', 'json'] },
    // Statuses and classes of statuses that are a success; ["2xx"] when absent.
    expect: {
      type: 'array',
      minItems: 1,
      maxItems: 100,
      items: { type: ['integer', 'string'], minimum: 100, maximum: 599, pattern: '^[1-5](?:\\d\\d|xx)$' },
    },
    timeoutSeconds: { type: 'number', minimum: 0.1, maximum: 60 },
    attempts: { type: 'integer', minimum: 1, maximum: 20 },
  },
  dependentSchemas: { json: { properties: { body: false } } },
} as const satisfies JSONSchema & { dependentSchemas: object };
export type HttpRequest = FromSchema<typeof params>;
