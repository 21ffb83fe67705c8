/** Everything that a plugin may import: `batchwright/plugin`. */
export type { FromSchema } from 'json-schema-to-ts';
export { compileSchema, type SchemaProblem } from '../validation/compile-schema.ts';
export { type Action, defineAction, type ManyJob, type RetryPolicy } from './action.ts';
export { type Callback, type CallbackBatch, type CallbackResult, defineCallback } from './callback.ts';
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
export type { JSONSchema } from './json-schema.ts';
export type { ConcurrencyLimit, LimitBy, Limits, RateLimit } from './limits.ts';
export {
  type AuthenticationTools,
  defineRoutes,
  type JsonArrayBody,
  type RouteCaller,
  type RouteDocument,
  type RouteError,
  type Routes,
  type RouteTools,
  type SubmittedBatch,
} from './routes.ts';
