/** RedJade's participant imports, in two steps: README.md says what is theirs and what is ours. */
import { defineRoutes } from 'batchwright/plugin';
import { actionRoutes } from './lib/action-routes.ts';
import { errorBody } from './lib/errors.ts';
import { importRoutes } from './lib/import-routes.ts';

const ofImports = async () => (await import('./lib/openapi.ts')).document;
const ofActions = async () => (await import('./lib/openapi-actions.ts')).document;

export default [
  defineRoutes({
    prefix: '/v1/participant_imports',
    errorBody,
    openapi: ofImports,
    routes: importRoutes,
  }),
  defineRoutes({
    prefix: '/v1/participant_import_actions',
    errorBody,
    openapi: ofActions,
    routes: actionRoutes,
  }),
];
