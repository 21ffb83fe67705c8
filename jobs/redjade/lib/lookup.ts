/** What `GET /v1/participant_imports/lookup` answers: the columns of a row and their schema. */
import { options } from '#schemas/redjade/lib/options.ts';
import { participant } from '#schemas/redjade/lib/participant.ts';

const columns = Object.entries(participant.properties).map(([name, { description, ...schema }]) => ({
  name,
  required: false,
  unique: name === 'external_id' || name === 'email',
  description,
  schema,
}));

export const LOOKUP = {
  columns,
  /** JSON Schema of one row. */
  schema: {
    ...participant,
    anyOf: [
      { required: ['external_id'], properties: { external_id: { type: 'string' } } },
      { required: ['email'], properties: { email: { type: 'string' } } },
    ],
  },
  /** JSON Schemas of the options of an action. */
  options,
};
