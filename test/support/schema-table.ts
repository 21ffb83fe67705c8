/** Tests an action's schema with a table of valid and invalid params. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCompiler } from '../../src/validation/check-params.ts';

const compile = createCompiler();

export interface SchemaTable {
  /** Valid params; each test changes one member. */
  base: Record<string, unknown>;
  required: readonly string[];
  /** By member: allowed values and forbidden values. */
  members: Record<string, { good: readonly unknown[]; bad: readonly unknown[] }>;
}

/** Declares a test for every row of the table. */
export function testSchema(schema: object, { base, required, members }: SchemaTable): void {
  const validate = compile(schema);

  for (const [member, { good, bad }] of Object.entries(members)) {
    for (const value of good)
      test(`${member} may be ${shown(value)}`, () => {
        assert.equal(validate({ ...base, [member]: value }), true, JSON.stringify(validate.errors));
      });
    for (const value of bad)
      test(`${member} must not be ${shown(value)}`, () => {
        assert.equal(validate({ ...base, [member]: value }), false);
        for (const { instancePath } of validate.errors ?? [])
          assert.equal(instancePath.split('/')[1], member, instancePath);
      });
    const wanted = required.includes(member);
    test(`${member} is ${wanted ? 'required' : 'optional'}`, () => {
      const { [member]: _, ...rest } = base;
      assert.equal(validate(rest), !wanted);
    });
  }

  test('an unknown parameter is refused', () => {
    assert.equal(validate({ ...base, unheardOf: 1 }), false);
  });
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 30)}… (${text.length} characters)` : text;
}
