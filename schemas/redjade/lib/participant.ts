import type { JSONSchema } from 'batchwright/plugin';
import { ONE_LINE } from '#schemas/lib/fields.ts';

/** A text of one participant. An absent one and null mean the same: nothing is said about it. */
const text = { type: ['string', 'null'], minLength: 1, maxLength: 255, format: ONE_LINE } as const;

/** More categories in one row are refused, so that a row stays small. */
const MAX_DEMOGRAPHICS = 100;

/**
 * One row of an import, by the rules of RedJade (docs/systems.md). It also needs an external_id or an email. The
 * descriptions are what `GET /v1/participant_imports/lookup` shows.
 */
export const participant = {
  type: 'object',
  additionalProperties: false,
  properties: {
    external_id: {
      ...text,
      description: 'The id of the participant in your system. Matches a participant first.',
    },
    email: {
      type: ['string', 'null'],
      format: 'email',
      maxLength: 254,
      description: 'Matches a participant when the external_id does not, without regard to case.',
    },
    first_name: { ...text, description: 'First name.' },
    last_name: { ...text, description: 'Last name.' },
    locale: {
      type: ['string', 'null'],
      pattern: '^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}$',
      description: 'A language tag such as en or fr-CA.',
    },
    demographics: {
      type: ['object', 'null'],
      maxProperties: MAX_DEMOGRAPHICS,
      propertyNames: { minLength: 1, maxLength: 100, format: ONE_LINE },
      additionalProperties: {
        type: ['string', 'number', 'boolean', 'null'],
        minLength: 1,
        maxLength: 255,
        format: ONE_LINE,
      },
      description: 'Values by the name of their category: texts, numbers, true or false.',
    },
  },
} as const satisfies JSONSchema;
