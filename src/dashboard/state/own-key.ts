/** What the key of the page may do. The server decides; the page only says so before somebody has filled in a form. */
import { NotFoundError } from '../../client/errors.ts';
import { type Caller, isOperator, mayRun } from '../../domain/caller.ts';
import { useResource } from './resource.ts';
import { getJson } from './session.ts';

export interface OwnKey {
  isOperator: boolean;
  mayRun(permission: string): boolean;
}

/** Undefined until it is known, and on a server that does not say. */
export function useOwnKey(): OwnKey | undefined {
  const { data } = useResource('own key', loadOwnKey);
  return data ?? undefined;
}

async function loadOwnKey(signal: AbortSignal): Promise<OwnKey | null> {
  try {
    const caller = await getJson<Caller>('/v1/me', signal);
    return { isOperator: isOperator(caller), mayRun: (permission) => mayRun(caller, permission) };
  } catch (error) {
    if (error instanceof NotFoundError) return null;
    throw error;
  }
}
