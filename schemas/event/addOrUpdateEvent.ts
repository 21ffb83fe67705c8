import type { FromSchema, JSONSchema } from 'batchwright/plugin';
import { has, ONE_LINE, recordId, TIMESTAMP } from '#schemas/lib/fields.ts';

const title = { type: 'string', minLength: 1, maxLength: 255, format: ONE_LINE } as const;
const timestamp = { type: ['string', 'null'], format: TIMESTAMP } as const;

export const params = {
  type: 'object',
  additionalProperties: false,
  properties: {
    id: recordId,
    title,
    // Another name for title.
    name: title,
    code: { type: 'string', minLength: 1, maxLength: 50, format: ONE_LINE },
    externalEventId: { type: ['string', 'null'], minLength: 1, maxLength: 255, format: ONE_LINE },
    startDateTime: timestamp,
    endDateTime: timestamp,
    races: {
      type: 'array',
      maxItems: 1000,
      items: {
        type: 'object',
        required: ['name'],
        additionalProperties: false,
        properties: { id: recordId, name: title },
      },
    },
  },
  dependentSchemas: { title: { properties: { name: false } } },
  // A new event needs a title. With an id the job finds out whether the event is new.
  if: { anyOf: [has('id'), has('name')] },
  else: has('title'),
} as const satisfies JSONSchema & { dependentSchemas: object };
export type AddOrUpdateEvent = FromSchema<typeof params>;
