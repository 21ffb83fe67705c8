import type { FromSchema, JSONSchema } from 'batchwright/plugin';

/** Every kind of value that a form can show. */
export const params = {
  type: 'object',
  required: ['event', 'pay'],
  additionalProperties: false,
  properties: {
    event: { type: 'integer', description: 'The number of the event' },
    title: { type: 'string', maxLength: 40 },
    weight: { type: 'number' },
    isOpen: { type: 'boolean' },
    size: { enum: ['small', 'large', 3, null] },
    note: { type: ['string', 'null'] },
    address: {
      type: 'object',
      required: ['city'],
      properties: { city: { type: 'string', minLength: 1 }, zip: { type: 'integer' } },
    },
    tags: { type: 'array', items: { type: 'string', minLength: 2 } },
    pay: {
      oneOf: [
        {
          type: 'object',
          required: ['by', 'card'],
          additionalProperties: false,
          properties: { by: { const: 'card' }, card: { type: 'string' } },
        },
        {
          type: 'object',
          required: ['by', 'days'],
          additionalProperties: false,
          properties: { by: { const: 'invoice' }, days: { type: 'integer' } },
        },
      ],
    },
    more: {},
  },
} as const satisfies JSONSchema;
export type Shapes = FromSchema<typeof params>;
