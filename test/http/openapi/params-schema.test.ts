import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paramsSchema } from '../../../src/http/openapi/params-schema.ts';

test('references of a schema lead to its place in the document, and names and values stay as they are', () => {
  const params = {
    type: 'object',
    properties: {
      $ref: { $ref: '#/$defs/text' },
      self: { type: 'array', items: { $ref: '#' } },
      elsewhere: { $ref: 'https://example.com/schema' },
      fixed: { const: { $ref: '#/$defs/text' } },
    },
    $defs: { text: { type: 'string', enum: ['#/$defs/text'] } },
  };
  const root = '#/components/schemas/demo.greet';
  assert.deepEqual(paramsSchema('demo.greet', params), {
    ...params,
    properties: {
      ...params.properties,
      $ref: { $ref: `${root}/$defs/text` },
      self: { type: 'array', items: { $ref: root } },
    },
  });
});

test('a schema without references is part of the document as it is', () => {
  const params = { type: 'object' };
  assert.equal(paramsSchema('demo.greet', params), params);
});

test('a schema whose parts have names of their own keeps its references and gets a base', () => {
  const params = { properties: { to: { $ref: '#to' } }, $defs: { to: { $anchor: 'to', type: 'string' } } };
  assert.deepEqual(paramsSchema('demo.greet', params), {
    $id: 'urn:batchwright:params:demo.greet',
    ...params,
  });
});
