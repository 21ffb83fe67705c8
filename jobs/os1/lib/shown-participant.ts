/** A participant as the actions that read it return it. */
import { parseExact } from './exact-json.ts';
import type { StoredRow } from './participant-rows.ts';

export function shownParticipant(row: StoredRow): object {
  const { type, id, uniqueCode, name, owner, properties, createdAt, updatedAt } = row;
  return {
    id: `${type}:${id}`,
    type,
    uniqueCode,
    name,
    owner,
    properties: parseExact(properties),
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}
