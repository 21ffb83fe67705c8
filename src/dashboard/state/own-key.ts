/** What the key of the page may do. The server decides; the page only says so before somebody has filled in a form. */
import { NotFoundError } from '../../client/errors.ts';
import type { Batch, OwnKey as Described } from '../../client/index.ts';
import { mayRun } from '../../domain/caller.ts';
import { counted } from './format.ts';
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

/**
 * Why the key of the page may not change the batch, in words: it lacks the permission of one of its actions. Undefined when
 * it may, and while that is not known: then the server says so.
 */
export function useRefusal(batch: Batch | undefined): string | undefined {
  const own = useOwnKey();
  const actions = batch?.actions ?? [];
  const needed = useResource(`permissions ${actions.join(' ')}`, (signal) =>
    Promise.all(actions.map((name) => permissionOf(name, signal))),
  );
  const lacking = [...new Set(needed.data)].filter((permission) => own && !own.mayRun(permission));
  if (lacking.length === 0) return undefined;
  const [first, ...others] = lacking;
  const more = others.length > 0 ? ` and ${counted(others.length, 'more permission')}` : '';
  return `This key may see the batch, but not change it: it lacks ${first}${more}.`;
}

/** An action that the server no longer has needs the permission with its name. */
async function permissionOf(name: string, signal: AbortSignal): Promise<string> {
  try {
    return (await client.peek()?.actions.retrieve(name, { signal }))?.permission ?? name;
  } catch (error) {
    if (error instanceof NotFoundError) return name;
    throw error;
  }
}
