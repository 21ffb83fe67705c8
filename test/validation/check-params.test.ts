import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkParams, createCompiler } from '../../src/validation/check-params.ts';

const validate = createCompiler()({
  type: 'object',
  required: ['event'],
  additionalProperties: false,
  properties: {
    event: { type: 'integer' },
    state: { enum: ['open', 'closed'] },
    version: { const: 2 },
    mail: { type: 'string', format: 'email' },
    text: { type: 'string' },
    size: { type: ['string', 'number', 'boolean'] },
    names: { type: 'object', propertyNames: { pattern: '^[a-z]+$', maxLength: 3 } },
    json: {},
    never: false,
    rows: { type: 'array', items: { type: 'object', properties: { 'a/b~c': { type: 'string' } } } },
  },
  dependentSchemas: { json: { properties: { text: false } } },
});

/** Params beside a valid `event`, the wrong parameter, and the message about it. */
const messages: [params: object, parameter: string, message: string][] = [
  [{ event: 'seven' }, 'event', 'params.event must be integer'],
  [{ state: 'ajar' }, 'state', 'params.state must be one of "open", "closed"'],
  [{ version: 1 }, 'version', 'params.version must be 2'],
  [{ mail: 'nobody' }, 'mail', 'params.mail must match format "email"'],
  [{ size: null }, 'size', 'params.size must be string, number or boolean'],
  [{ names: { 'A b': 1 } }, 'names', 'params.names: the name "A b" must match pattern "^[a-z]+$"'],
  [{ other: 1 }, 'other', 'params.other is not known'],
  [{ never: 1 }, 'never', 'params.never is not allowed'],
  [{ text: '', json: null }, 'text', 'params.text is not allowed together with json'],
  [{ rows: [{}, { 'a/b~c': 1 }] }, 'rows[1].a/b~c', 'params.rows[1].a/b~c must be string'],
];

for (const [params, parameter, message] of messages)
  test(`${JSON.stringify(params)} is reported as: ${message}`, () => {
    const problem = checkParams(validate, { event: 1, ...params });
    assert.deepEqual(problem, { missing: false, parameter, messages: [message] });
  });

test('valid params have no problem', () => {
  assert.equal(checkParams(validate, { event: 1, mail: 'ada@example.com', rows: [] }), null);
});

test('a missing required parameter is reported as such', () => {
  assert.deepEqual(checkParams(validate, {}), {
    missing: true,
    parameter: 'event',
    messages: ['params.event is required'],
  });
});

test('params that are not an object are reported as such', () => {
  for (const params of [null, [], 'text', 1])
    assert.deepEqual(checkParams(validate, params), {
      missing: false,
      parameter: 'params',
      messages: ['params must be object'],
    });
});

test('of many errors in one job twenty are reported, and the rest is counted', () => {
  const problem = checkParams(validate, { event: 1, rows: Array.from({ length: 1000 }, () => 1) });
  assert.equal(problem?.messages.length, 21);
  assert.equal(problem?.messages[19], 'params.rows[19] must be object');
  assert.equal(problem?.messages[20], 'params: 980 more faults');
  const oneMore = checkParams(validate, { event: 1, rows: Array.from({ length: 21 }, () => 1) });
  assert.equal(oneMore?.messages[20], 'params: 1 more fault');
});
