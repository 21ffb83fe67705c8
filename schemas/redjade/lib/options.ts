import type { JSONSchema } from 'batchwright/plugin';

/** The six options of an action, as RedJade documents them (docs/systems.md). */
export const options = {
  save_missing_categories: {
    type: 'boolean',
    description: 'Creates demographic categories that do not exist yet. True when absent.',
  },
  only_demographics: {
    type: 'boolean',
    description: 'Writes only demographics, of matched participants. False when absent.',
  },
  destroy_existing_demographics: {
    type: 'boolean',
    description: 'First removes the demographics of matched participants. False when absent.',
  },
  destroy_unmatched_participants: {
    type: 'boolean',
    description: "Removes the event's participants that no row matches. False when absent.",
  },
  skip_invalid: {
    type: 'boolean',
    description: 'Ignores invalid rows; otherwise one of them fails the action. False when absent.',
  },
  skip_duplicate_identity_matches: {
    type: 'boolean',
    description: 'Ignores duplicate rows; otherwise one of them fails the action. False when absent.',
  },
} as const satisfies Record<string, JSONSchema>;

/** An event's externalEventId, or its id where it has none. */
export const externalEventId = {
  type: ['string', 'integer'],
  minLength: 1,
  maxLength: 255,
  format: 'storable',
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
} as const satisfies JSONSchema;

/** The key under which the rows of one request are stored before their import exists. */
export const upload = { type: 'string', pattern: '^[0-9a-f]{32}$' } as const satisfies JSONSchema;
