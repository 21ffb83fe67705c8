/** Tests of an action's schema, from a table of params that fit it and params that do not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCompiler } from '../../src/validation/check-params.ts';

const compile = createCompiler();

export interface SchemaTable {
  /** Params that fit; the tests change one member of it at a time. */
  base: Record<string, unknown>;
  required: readonly string[];
  /** By member: values that it may have, and values that it must not have. */
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

  test('a parameter that is not known is refused', () => {
    assert.equal(validate({ ...base, unheardOf: 1 }), false);
  });
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 30)}… (${text.length} characters)` : text;
}
