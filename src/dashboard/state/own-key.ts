/** What the key of the page may do. The server decides; the page only says so before somebody has filled in a form. */
import type { OwnKey as Described } from '../../client/index.ts';
import { mayRun } from '../../domain/caller.ts';
import { type Resource, useResource } from './resource.ts';
import { client } from './session.ts';

export interface OwnKey extends Described {
  mayRun(permission: string): boolean;
}

export function useOwnKeyResource(): Resource<OwnKey | undefined> {
  return useResource('own key', async (signal) => {
    const own = await client.peek()?.me({ signal });
    return own && { ...own, mayRun: (permission: string) => mayRun(own, permission) };
  });
}

/** Undefined until it is known. */
export function useOwnKey(): OwnKey | undefined {
  return useOwnKeyResource().data;
}
