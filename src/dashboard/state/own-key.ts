/** What the key of the page may do. The server decides; the page only says so before somebody has filled in a form. */
import { mayRun } from '../../domain/caller.ts';
import { useResource } from './resource.ts';
import { client } from './session.ts';

export interface OwnKey {
  isOperator: boolean;
  mayRun(permission: string): boolean;
}

/** Undefined until it is known. */
export function useOwnKey(): OwnKey | undefined {
  const { data } = useResource('own key', async (signal) => client.peek()?.me({ signal }));
  return data && { isOperator: data.isOperator, mayRun: (permission) => mayRun(data, permission) };
}
