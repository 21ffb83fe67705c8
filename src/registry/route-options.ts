import { shown } from '../domain/shown.ts';
import { isFunction, isObject, type Member, wrongMember } from './members.ts';

/** No pattern: express would read `:` and `*` as such. */
const PREFIX = /^(\/[A-Za-z0-9._~-]+)+$/;

const OPTIONS: Record<string, Member> = {
  prefix: {
    fits: (value) => typeof value === 'string' && PREFIX.test(value),
    rule: 'must be a path such as "/orders", without patterns and without a slash at the end',
    required: true,
  },
  authenticate: { fits: isFunction, rule: 'must be a function' },
  routes: { fits: isFunction, rule: 'must be a function', required: true },
};

/** What is wrong with the default export of a `routes.ts`; null when nothing is. */
export function wrongRoutes(routes: unknown): string | null {
  if (!isObject(routes)) return `its default export must be defineRoutes({ … }), not ${shown(routes)}`;
  return wrongMember(routes, OPTIONS);
}
