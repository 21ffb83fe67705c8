/** Everything that a plugin may import: `batchwright/plugin`. */
export type { FromSchema, JSONSchema } from 'json-schema-to-ts';
export { type Action, defineAction, type ManyJob, type RetryPolicy } from './action.ts';
export type {
  JobContext,
  JobsContext,
  Log,
  Mail,
  OutboundRequest,
  OutboundResponse,
  Services,
  Sql,
} from './context.ts';
export { type ActionErrorOptions, NonRetryableError, RetryLaterError, ThrottledError } from './errors.ts';
export type { ConcurrencyLimit, LimitBy, Limits, RateLimit } from './limits.ts';
export { defineRoutes, type RouteCaller, type Routes, type RouteTools } from './routes.ts';
