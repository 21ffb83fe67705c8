/** A route for each of the tools of routes, and some that fail or do not end. */
import { json } from 'node:stream/consumers';
import { defineRoutes, ThrottledError } from 'batchwright/plugin';

export default defineRoutes({
  prefix: '/rpc-fixture',
  routes(router, tools) {
    router.post('/batches', async (request, response) => {
      const batch = (await json(request)) as { jobs: unknown[]; callbackUrl?: string };
      response.status(202).json(await tools.submit(request, batch));
    });
    router.get('/batches/:id', async (request, response) => {
      response.json(await tools.batch(request, request.params.id));
    });
    router.get('/batches/:id/results', async (request, response) => {
      response.json(await Array.fromAsync(tools.results(request, request.params.id)));
    });
    router.post('/calls/:action', async (request, response) => {
      response.json(await tools.call(request, request.params.action, await json(request)));
    });
    router.post('/sql', async (request, response) => {
      const { text, values } = (await json(request)) as { text: string; values?: unknown[] };
      response.json(await tools.sql.query(text, values));
    });
    router.get('/forever', (_request, response) => {
      const timer = setInterval(() => response.write('more\n'), 50);
      response.once('close', () => clearInterval(timer));
    });
    router.get('/secrets/:token/broken', () => {
      throw new Error('a fault of the plugin');
    });
    router.get('/throttled', () => {
      throw new ThrottledError(29.5, 'slow down');
    });
    router.get('/broken', () => {
      throw new Error('a secret of the plugin');
    });
    router.get('/broken/later', async (_request, response) => {
      response.write('half an answ');
      throw new Error('a secret of the plugin');
    });
  },
});
