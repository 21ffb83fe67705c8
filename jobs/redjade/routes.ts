/** RedJade's participant imports, in two steps: README.md says what is theirs and what is ours. */
import { defineRoutes } from 'batchwright/plugin';
import { actionRoutes } from './lib/action-routes.ts';
import { errorBody } from './lib/errors.ts';
import { importRoutes } from './lib/import-routes.ts';

export default [
  defineRoutes({
    prefix: '/v1/participant_imports',
    errorBody,
    openapi: async () => (await import('./lib/openapi.ts')).document,
    routes: importRoutes,
  }),
  defineRoutes({
    prefix: '/v1/participant_import_actions',
    errorBody,
    openapi: async () => (await import('./lib/openapi-actions.ts')).document,
    routes: actionRoutes,
  }),
];
