/** The errors of these routes: `{"errors": [{"message", "field"?}]}` (ours: RedJade documents no shape). */
import { NonRetryableError, type RouteError, type SchemaProblem } from 'batchwright/plugin';

interface ShownError {
  message: string;
  field?: string;
}

/** An error that names what is wrong; the status is its errorCode. */
export function refused(errorCode: number, errors: readonly ShownError[]): NonRetryableError {
  const [first] = errors;
  return new NonRetryableError(first?.message ?? 'The request is refused', {
    errorCode,
    details: { errors },
  });
}

/** The body of any error below the prefix. */
export function errorBody({ message, additionalMessages = [], details }: RouteError): {
  errors: ShownError[];
} {
  const named = (details as { errors?: unknown } | null | undefined)?.errors;
  if (Array.isArray(named) && named.length > 0) return { errors: named as ShownError[] };
  return { errors: [message, ...additionalMessages].map((text) => ({ message: text })) };
}

/** What `compileSchema` reports, in this API's shape. */
export function shownProblem({ path, message }: SchemaProblem): ShownError {
  const field = path.join('.').slice(0, 200).toWellFormed();
  return field === '' ? { message: `the body ${message}` } : { message: `${field} ${message}`, field };
}
