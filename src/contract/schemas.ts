/**
 * JSON Schemas of what callers send and get. `/openapi.json` has them under their names, and the test suite checks
 * every answer of the API against them. Members may be added to an answer: a client must ignore those that it does
 * not know.
 */
import { ref, type Schema } from './schema-parts.ts';
import { actionSchemas } from './schemas/actions.ts';
import { batchSchemas } from './schemas/batches.ts';
import { callbackSchemas } from './schemas/callbacks.ts';
import { errorSchemas } from './schemas/errors.ts';
import { jobSchemas } from './schemas/jobs.ts';
import { keySchemas } from './schemas/keys.ts';
import { resultSchemas } from './schemas/results.ts';
import { systemSchemas } from './schemas/system.ts';
import { viewSchemas } from './view-schemas.ts';

export { ref, type Schema };

export const schemas: Record<string, Schema> = {
  ...jobSchemas,
  ...batchSchemas,
  ...resultSchemas,
  ...callbackSchemas,
  ...actionSchemas,
  ...keySchemas,
  ...systemSchemas,
  ...errorSchemas,
  ...viewSchemas,
};
