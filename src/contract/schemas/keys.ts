/** JSON Schemas of keys. */
import { arrayOf, described, object, orNull, ref, type Schema, text, time } from '../schema-parts.ts';

const key = object({
  id: text,
  tenant: text,
  name: text,
  permissions: arrayOf(text),
  signing: { enum: ['IWS', null] },
  createdBy: described('The id of the key that made it.', text),
  createdAt: time,
  expiresAt: orNull('string', { format: 'date-time' }),
  lastUsedAt: described(
    'When a request with it was last accepted, to the minute; null when none was.',
    orNull('string', { format: 'date-time' }),
  ),
});

export const keySchemas: Record<string, Schema> = {
  Key: key,
  Keys: object({ data: arrayOf(ref('Key')) }),
  NewKey: object(
    {
      name: { type: 'string', minLength: 1, maxLength: 200 },
      tenant: text,
      permissions: { type: 'array', minItems: 1, items: text },
      expiresAt: orNull('string', { format: 'date-time' }),
      signing: { enum: ['IWS', null] },
    },
    'tenant',
    'expiresAt',
    'signing',
  ),
  MadeKey: {
    ...key,
    required: [...(key.required as string[]), 'key'],
    properties: {
      ...(key.properties as object),
      key: described('The key itself, which is shown here and never again.', text),
      secret: described('The secret for signing requests, for a key made with `signing`.', text),
    },
  },
};
