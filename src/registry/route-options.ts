import { shown } from '../domain/shown.ts';
import { isFunction, isObject, type Member, wrongMember } from './members.ts';

/** Not a pattern: express would interpret `:` and `*`. */
const PREFIX = /^(\/[A-Za-z0-9._~-]+)+$/;

function isPathItem([path, item]: [string, unknown]): boolean {
  return (path === '' || path.startsWith('/')) && isObject(item);
}

const OPTIONS: Record<string, Member> = {
  prefix: {
    fits: (value) => typeof value === 'string' && PREFIX.test(value),
    rule: 'must be a path such as "/orders", without patterns and without a slash at the end',
    required: true,
  },
  authenticate: { fits: isFunction, rule: 'must be a function' },
  errorBody: { fits: isFunction, rule: 'must be a function' },
  openapi: {
    fits: (value) => isFunction(value) || (isObject(value) && Object.entries(value).every(isPathItem)),
    rule: 'must be an object of OpenAPI path items, each under a path such as "/orders/{id}" or "", or a function that returns their document',
  },
  permissionAliases: {
    fits: (value) => isObject(value) && Object.values(value).every((name) => typeof name === 'string'),
    rule: 'must be an object of names of permissions',
  },
  routes: { fits: isFunction, rule: 'must be a function', required: true },
};

/** Describes the error in the default export of a `callback.ts`; null when it is valid. */
export function wrongCallback(callback: unknown): string | null {
  if (!isObject(callback)) return `its default export must be defineCallback({ … }), not ${shown(callback)}`;
  return wrongMember(callback, { body: { fits: isFunction, rule: 'must be a function', required: true } });
}

/** Describes the error in the default export of a `routes.ts`; null when it is valid. */
export function wrongRoutes(routes: unknown): string | null {
  if (!isObject(routes)) return `its default export must be defineRoutes({ … }), not ${shown(routes)}`;
  return wrongMember(routes, OPTIONS);
}
