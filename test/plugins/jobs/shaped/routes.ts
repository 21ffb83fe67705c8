/** Two prefixes, of an API with keys in a header of its own, and with errors of its own. */
import { compileSchema, defineRoutes, NonRetryableError, type Routes } from 'batchwright/plugin';

const problemsOf = compileSchema({
  type: 'object',
  required: ['name'],
  additionalProperties: false,
  properties: { name: { type: 'string', maxLength: 5 }, size: { type: ['integer', 'null'] } },
});

const common: Pick<Routes, 'authenticate' | 'errorBody'> = {
  async authenticate({ headers }, { findKey, isValidKey }) {
    const { 'x-shaped-key': key, 'x-shaped-id': id } = headers;
    if (typeof id === 'string')
      return (await isValidKey(id)) ? { tenant: 'default', keyId: id, permissions: ['test.*'] } : null;
    return typeof key === 'string' ? findKey(key) : null;
  },
  errorBody: ({ status, ...error }) => ({ wrong: { code: status, ...error } }),
};

export default [
  defineRoutes({
    ...common,
    prefix: '/shaped-fixture',
    permissionAliases: { 'echo-things': 'test.echo', 'shaped.echo.things': 'test.echo' },
    routes(router, tools) {
      router.get('/caller', (request, response) => {
        response.json(tools.callerOf(request));
      });
      router.post('/json', async (request, response) => {
        const body = await tools.readJson(request, { maxBytes: 1000 });
        response.json({ body, problems: problemsOf(body) });
      });
      router.post('/array/:array', async (request, response) => {
        const { array } = request.params;
        const body = tools.readJsonArray(request, { array: array === 'top' ? null : array });
        const elements = await Array.fromAsync(body.elements);
        response.json({ elements, members: body.members, hasArray: body.hasArray });
      });
      router.post('/texts', async (request, response) => {
        const { elements } = tools.readJsonArray(request, { array: null, parse: (text) => ({ text }) });
        response.json(await Array.fromAsync(elements));
      });
      let started = false;
      router.post('/slow', async (request, response) => {
        const { elements } = tools.readJsonArray(request, { array: null });
        for await (const milliseconds of elements) {
          started = true;
          const end = performance.now() + Number(milliseconds);
          while (performance.now() < end);
        }
        response.json({});
      });
      router.get('/slow/started', (_request, response) => {
        response.json({ started });
      });
      router.post('/refused', () => {
        throw new NonRetryableError('not like this', { errorCode: 422, details: { field: 'name' } });
      });
    },
  }),
  defineRoutes({
    ...common,
    prefix: '/shaped-fixture/below',
    routes(router) {
      router.get('/', (_request, response) => {
        response.json('below');
      });
    },
  }),
];
