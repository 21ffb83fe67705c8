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

/** What names its actions: a batch, or its callback. */
type WithActions = Pick<Batch, 'actions'>;

/**
 * Finds out why the key of the page may not change a batch, in words: it lacks the permission of one of its actions.
 * Undefined when it may, and while that is not known: then the server says so.
 *
 * @param shown all of which this is asked
 */
export function useRefusals(shown: readonly WithActions[]): (one: WithActions) => string | undefined {
  const own = useOwnKey();
  const actions = [...new Set(shown.flatMap((one) => one.actions ?? []))].sort();
  const needed = useResource(
    `permissions ${actions.join(' ')}`,
    async (signal) =>
      new Map(
        await Promise.all(actions.map(async (name) => [name, await permissionOf(name, signal)] as const)),
      ),
  );
  return ({ actions: ofOne = [] }) => {
    const permissions = new Set(ofOne.flatMap((name) => needed.data?.get(name) ?? []));
    const [first, ...others] = [...permissions].filter((permission) => own && !own.mayRun(permission));
    if (first === undefined) return undefined;
    const more = others.length > 0 ? ` and ${counted(others.length, 'more permission')}` : '';
    return `This key may see the batch, but not change it: it lacks ${first}${more}.`;
  };
}

/** The same for one batch, undefined until it is there. */
export function useRefusal(batch: Batch | undefined): string | undefined {
  const refusalOf = useRefusals(batch ? [batch] : []);
  return batch && refusalOf(batch);
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
