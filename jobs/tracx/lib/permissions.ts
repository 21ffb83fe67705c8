/** The permissions of connect tokens, by Tracx's names. */
import type { RouteCaller } from 'batchwright/plugin';

/**
 * `key` is the permission that an API key has, `action` the one action that it allows here. `events.list` and
 * `races.list` allow the actions of the namespace `event` only through these routes: a key has no
 * `event.getEventList` by them.
 */
const PERMISSIONS = {
  'events.list': { key: 'events.list', action: 'event.getEventList' },
  'races.list': { key: 'races.list', action: 'event.getRaceList' },
  'participants.list': { key: 'participants.list', action: 'participants.list' },
  'participants.store': { key: 'participants.store', action: 'participants.store' },
  'participants.store-multiple': { key: 'participants.storeMultiple', action: 'participants.storeMultiple' },
} as const;

export type PermissionName = keyof typeof PERMISSIONS;

export const PERMISSION_NAMES = Object.keys(PERMISSIONS) as PermissionName[];

/** The other names that keys may be made with: Tracx's, with and without `permissions.` before them. */
export const PERMISSION_ALIASES: Record<string, string> = Object.fromEntries(
  PERMISSION_NAMES.flatMap((name) => {
    const { key } = PERMISSIONS[name];
    const withPrefix = [`permissions.${name}`, key];
    return key === name ? [withPrefix] : [withPrefix, [name, key]];
  }),
);

/** The permissions that the patterns of an API key cover. */
export function permissionsOfKey(patterns: readonly string[]): PermissionName[] {
  return PERMISSION_NAMES.filter((name) =>
    patterns.some((pattern) => covers(pattern, name) || covers(pattern, PERMISSIONS[name].key)),
  );
}

function covers(pattern: string, permission: string): boolean {
  if (pattern === '*' || pattern === permission) return true;
  return pattern.endsWith('.*') && permission.startsWith(pattern.slice(0, -1));
}

/** The caller with these permissions. */
export function callerWith(tenant: string, keyId: string, names: readonly PermissionName[]): RouteCaller {
  return { tenant, keyId, permissions: names.map((name) => PERMISSIONS[name].action) };
}

/** The permissions of a caller that `callerWith` made. */
export function permissionsOf(caller: RouteCaller): PermissionName[] {
  return PERMISSION_NAMES.filter((name) => caller.permissions.includes(PERMISSIONS[name].action));
}
