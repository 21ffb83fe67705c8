import { noSuchAction } from '../../domain/unknown-action.ts';
import type { RegisteredAction, Registry } from '../../registry/registry.ts';

/** An action as callers see it. */
export interface ActionView {
  /** `namespace.action` */
  name: string;
  summary: string;
  /** The permission that a key needs to run it. */
  permission: string;
  /** JSON Schema of the params. */
  params: object;
  example: unknown;
  timeoutSeconds: number;
  retry: { limit: number; delaySeconds: number; backoff: boolean };
  transactional: boolean;
}

export interface ActionCatalogue {
  /** By name. */
  all(): ActionView[];
  find(name: string): ActionView | undefined;
  /** The sentence about a name that no action has. */
  unknown(name: string): string;
}

export function createActionCatalogue(registry: Registry): ActionCatalogue {
  const views = new Map(
    registry.actions
      .map((entry) => [entry.name, viewOf(entry)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  return {
    all: () => [...views.values()],
    find: (name) => views.get(name),
    unknown: (name) => noSuchAction(name, [...views.keys()]),
  };
}

function viewOf({
  name,
  action,
  permission,
  schema,
  timeoutSeconds,
  retry,
  transactional,
}: RegisteredAction): ActionView {
  return {
    name,
    summary: action.summary,
    permission,
    params: schema,
    example: action.example ?? null,
    timeoutSeconds,
    retry,
    transactional,
  };
}
