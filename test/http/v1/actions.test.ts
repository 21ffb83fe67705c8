/** `/v1/actions`: the available actions. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startSystem } from '../../support/system.ts';
import { assertProblem, strangerOf } from './support.ts';

const system = await startSystem({ after }, { worker: false });

test('actions are listed by name, each in the same form as alone', async () => {
  const { status, body } = await system.request('/v1/actions');
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body), ['data']);
  const names: string[] = body.data.map(({ name }: { name: string }) => name);
  assert.deepEqual(names, names.toSorted());
  assert.equal(new Set(names).size, names.length);
  assert.equal(names.length, system.registry.actions.length);
  for (const name of ['contact.addOrUpdateContact', 'participants.storeMultiple', 'test.echo'])
    assert.ok(names.includes(name), name);
  for (const action of body.data)
    assert.deepEqual((await system.request(`/v1/actions/${action.name}`)).body, action);
});

test('an action has its JSON Schema, its permission and its example', async () => {
  const { status, body } = await system.request('/v1/actions/rest.answer');
  assert.equal(status, 200);
  assert.deepEqual(body, {
    name: 'rest.answer',
    summary: 'Returns as many bytes as requested',
    permission: 'rest.special',
    params: {
      type: 'object',
      required: ['bytes'],
      additionalProperties: false,
      properties: { bytes: { type: 'integer', minimum: 2 }, text: { type: 'string' } },
    },
    example: { bytes: 10 },
    timeoutSeconds: 7,
    retry: { limit: 1, delaySeconds: 2, backoff: false },
    transactional: false,
  });
});

test('an action without options has the defaults', async () => {
  const { body } = await system.request('/v1/actions/test.echo');
  assert.equal(body.permission, 'test.echo');
  assert.equal(body.example, null);
  assert.equal(body.timeoutSeconds, 60);
  assert.deepEqual(body.retry, { limit: 3, delaySeconds: 1, backoff: true });
});

test('an example is accepted by its action', async () => {
  const { body } = await system.request('/v1/actions');
  const examples = body.data.filter(({ example }: { example: unknown }) => example !== null);
  assert.ok(examples.length > 3, `${examples.length} examples`);
  for (const { name, example } of examples) {
    const [namespace, action] = name.split('.');
    const { body: valid } = await system.rpc('validate', { jobs: [{ namespace, action, params: example }] });
    assert.deepEqual(valid, { valid: true }, name);
  }
});

test('an unknown action is 404, and the answer names the one that may be meant', async () => {
  for (const [name, message] of [
    ['test.ecco', /^There is no action test\.ecco: did you mean test\.echo\?$/],
    ['tset.echo', /^There is no action tset\.echo: did you mean test\.echo\?$/],
    ['test.echo.', /: did you mean test\.echo\?$/],
    ['Test.Echo', /: did you mean test\.echo\?$/],
    ['test.entirely', /^There is no action test\.entirely$/],
    ['__proto__', /^There is no action __proto__$/],
    ['constructor', /^There is no action constructor$/],
    ['%00', /^There is no action /],
    ['x'.repeat(1000), /^There is no action x{100}…$/],
  ] as const)
    assertProblem(await system.request(`/v1/actions/${name}`), 404, message);
});

test('every key may see all actions', async () => {
  const headers = await strangerOf(system, ['contact.*']);
  const { status, body } = await system.request('/v1/actions', { headers });
  assert.equal(status, 200);
  assert.equal(body.data.length, system.registry.actions.length);
});
