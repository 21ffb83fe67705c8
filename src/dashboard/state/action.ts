/** Actions, and what limits them. */
import type { Action } from '../../client/index.ts';
import { membersOf } from './raw.ts';
import { type Resource, useResource } from './resource.ts';
import { client, getJson, send } from './session.ts';

export interface ActionLimits {
  name: string;
  paused: boolean;
  limits: Limits | null;
}

export interface Limits {
  concurrency?: { max: number; perProcess?: boolean; by?: string };
  rate?: { limit: number; perSeconds: number; burst?: number; by?: string };
  adaptive?: boolean;
}

/** An action with its schema and example as the texts that they are: parsing would round large numbers. */
export interface ActionText extends Action {
  schemaText: string;
  exampleText: string;
}

export function useActions(): Resource<Action[]> {
  return useResource('actions', async (signal) => (await client.peek()?.actions.list({ signal })) ?? []);
}

/** @param name `namespace.action` */
export function useAction(name: string): Resource<ActionText> {
  return useResource(`action ${name}`, async (signal) => {
    const text = await (await send(`/v1/actions/${encodeURIComponent(name)}`, { signal })).text();
    const [schemaText = '{}', exampleText = 'null'] = membersOf(text, ['params', 'example']);
    return { ...(JSON.parse(text) as Action), schemaText, exampleText };
  });
}

/** The actions that are paused or have limits. */
export function useActionLimits(): Resource<ActionLimits[]> {
  return useResource(
    'limits of actions',
    async (signal) => (await getJson<{ actions: ActionLimits[] }>('/v1/limits', signal)).actions,
  );
}

/** `namespace.action` in its parts. */
export function partsOf(name: string): { namespace: string; action: string } {
  const dot = name.indexOf('.');
  return { namespace: name.slice(0, dot), action: name.slice(dot + 1) };
}
