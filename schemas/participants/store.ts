import type { FromSchema } from 'batchwright/plugin';
import { participant } from '#schemas/lib/participant.ts';

export const params = participant;
export type Store = FromSchema<typeof params>;
