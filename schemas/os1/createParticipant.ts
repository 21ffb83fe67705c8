import type { FromSchema } from 'batchwright/plugin';
import { itemParams, type newParticipant } from './lib/participant.ts';

export const params = itemParams;
export type CreateParticipant = FromSchema<typeof params>;
export type NewParticipant = FromSchema<typeof newParticipant>;
