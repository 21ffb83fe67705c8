import type { FromSchema } from 'batchwright/plugin';
import { type changedParticipant, itemParams } from './lib/participant.ts';

export const params = itemParams;
export type UpdateParticipant = FromSchema<typeof params>;
export type ChangedParticipant = FromSchema<typeof changedParticipant>;
