import type { JSONSchema } from 'batchwright/plugin';
import { ONE_LINE, STORABLE } from '#schemas/lib/fields.ts';

/** The singular of a type's name in OS1's paths, such as `car` of `/participants/cars`. */
export const participantType = {
  type: 'string',
  pattern: '^[a-z][a-z0-9_-]{0,62}$',
} as const satisfies JSONSchema;

export const uniqueCode = {
  type: 'string',
  minLength: 1,
  maxLength: 200,
  format: ONE_LINE,
} as const satisfies JSONSchema;

/** `type:uuid`. */
export const participantId = {
  type: 'string',
  pattern: '^[a-z][a-z0-9_-]{0,62}:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$',
} as const satisfies JSONSchema;

const text = { type: ['string', 'null'], maxLength: 1000, format: STORABLE } as const satisfies JSONSchema;
/** Any JSON by name. */
const properties = { type: ['object', 'null'] } as const satisfies JSONSchema;

/** An item of OS1's request that creates participants. An unknown member is refused, because it would be lost. */
export const newParticipant = {
  type: 'object',
  required: ['uniqueCode'],
  additionalProperties: false,
  properties: { uniqueCode, name: text, owner: text, properties },
} as const satisfies JSONSchema;

/** An item of OS1's request that updates participants. */
export const changedParticipant = {
  type: 'object',
  required: ['id'],
  additionalProperties: false,
  properties: { id: { type: 'string' }, name: text, owner: text, properties },
} as const satisfies JSONSchema;

/**
 * The params of a job that creates or updates one participant. The participant itself is checked when the job runs: a
 * wrong one is a failed item of its batch, and the batch is taken.
 */
export const itemParams = {
  type: 'object',
  required: ['type'],
  additionalProperties: false,
  properties: {
    type: participantType,
    participant: {},
    // The properties as JSON text, in place of participant.properties, for numbers that JavaScript would round.
    propertiesJson: { type: 'string' },
    // Of a CSV file: the line of the row, and why it could not be read.
    line: { type: 'integer', minimum: 1 },
    fault: { type: 'string', maxLength: 1000 },
  },
} as const satisfies JSONSchema;
