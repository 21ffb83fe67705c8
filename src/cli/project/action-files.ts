/** The three files of a new action. */

export interface NewFile {
  /** Relative to the folder of the project. */
  path: string;
  text: string;
}

/** The schema, the job and the test of an action that greets, to begin with. */
export function actionFiles(namespace: string, action: string): NewFile[] {
  const name = `${namespace}.${action}`;
  const type = `${action.charAt(0).toUpperCase()}${action.slice(1)}Params`;
  return [
    { path: `schemas/${namespace}/${action}.ts`, text: schema(type) },
    { path: `jobs/${namespace}/${action}.ts`, text: job({ namespace, action, type }) },
    { path: `test/jobs/${namespace}/${action}.test.ts`, text: test(name) },
  ];
}

function schema(type: string): string {
  return `import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  required: ['name'],
  additionalProperties: false,
  properties: { name: { type: 'string', minLength: 1 } },
} as const satisfies JSONSchema;
export type ${type} = FromSchema<typeof params>;
`;
}

function job({ namespace, action, type }: { namespace: string; action: string; type: string }): string {
  return `import { defineAction, NonRetryableError } from 'batchwright/plugin';
import type { ${type} } from '#schemas/${namespace}/${action}.ts';

export default defineAction<${type}>({
  summary: 'Greet somebody',
  example: { name: 'Ada' },
  async run({ name }) {
    if (name === 'nobody') throw new NonRetryableError('nobody to greet');
    return { greeting: \`Hello \${name}\` };
  },
});
`;
}

function test(name: string): string {
  return `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { performAction } from 'batchwright/plugin/testing';

test('${name} greets by name', async () => {
  assert.deepEqual(await performAction('${name}', { name: 'Ada' }), { greeting: 'Hello Ada' });
});

test('${name} refuses a name that is not a text', async () => {
  await assert.rejects(performAction('${name}', { name: 5 }), /params\\.name must be string/);
});
`;
}
