import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  required: ['method', 'url'],
  additionalProperties: false,
  properties: {
    method: { enum: ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'] },
    url: { type: 'string', maxLength: 8192, format: 'one-line', pattern: '^https?://' },
    headers: {
      type: 'object',
      maxProperties: 100,
      // RFC 9110: a name is a token; a value is one line, in characters that Node sends unchanged.
      propertyNames: { pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$" },
      additionalProperties: { type: 'string', maxLength: 8192, pattern: '^[\\t\\x20-\\x7e\\x80-\\xff]*$' },
    },
    // Any text that UTF-8 can encode.
    body: { type: 'string', format: 'well-formed' },
  },
} as const satisfies JSONSchema;
export type HttpRequest = FromSchema<typeof params>;
