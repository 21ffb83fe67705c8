import type { JSONSchema } from 'batchwright/plugin';
import { recordId, STORABLE } from '#schemas/lib/fields.ts';
import { COUNTRY_CODE } from './country-code.ts';

/** Letters and digits of any script, `-` and `_`: the rule that Tracx calls `alpha_dash`. */
const ALPHA_DASH = '^[\\p{L}\\p{M}\\p{N}_-]+$';

/**
 * One participant, by the field rules of Tracx Connect (docs/systems.md). An optional field may be null. An
 * unknown property is refused, because a misspelt `chipcode` would otherwise be lost silently.
 */
export const participant = {
  type: 'object',
  required: ['unique_id', 'first_name', 'last_name', 'date_of_birth', 'race_id'],
  additionalProperties: false,
  properties: {
    unique_id: { type: 'string', maxLength: 100, pattern: ALPHA_DASH },
    first_name: { type: 'string', minLength: 1, maxLength: 100, format: STORABLE },
    last_name: { type: 'string', minLength: 1, maxLength: 100, format: STORABLE },
    // `date` accepts the year 0000, which Postgres does not.
    date_of_birth: { type: 'string', format: 'date', pattern: '^(?!0000)' },
    race_id: recordId,
    country_code: { type: ['string', 'null'], pattern: COUNTRY_CODE },
    team_name: { type: ['string', 'null'], maxLength: 100, format: STORABLE },
    start_number: { type: ['string', 'null'], maxLength: 100, pattern: ALPHA_DASH },
    chip_code: { type: ['string', 'null'], minLength: 7, maxLength: 7, format: STORABLE },
    gender: { type: ['string', 'null'], enum: ['male', 'female', 'neutral', null] },
    state: {
      type: ['string', 'null'],
      enum: [
        'before',
        'during',
        'paused',
        'resumed',
        'after',
        'finished',
        'did_not_finish',
        'disqualified',
        'did_not_start',
        null,
      ],
    },
  },
} as const satisfies JSONSchema;
