/** JSON Schemas for plugins: a route checks what is not the params of an action. */
import type { ValidateFunction } from 'ajv';
import { createCompiler, pathOfError, ruleOf } from './check-params.ts';

/** One way in which a value breaks its schema. */
export interface SchemaProblem {
  /** The names and positions that lead to the value; also to a member that is missing or not known. */
  path: string[];
  /** The keyword of JSON Schema, and its own parameters: `maxLength`, `{ limit: 100 }`. */
  keyword: string;
  params: Record<string, unknown>;
  /** Written after the value's place: `must be integer`, `is required`, `is not known`. */
  message: string;
}

let compile: ReturnType<typeof createCompiler> | undefined;

/**
 * Compiles a schema with the options and formats of the actions' schemas, when it is used for the first time: most
 * processes check no such value. The function returns the problems of a value, none when it fits. At its first call it
 * throws an Error that names the place for a wrong schema.
 */
export function compileSchema(schema: object): (value: unknown) => SchemaProblem[] {
  let validate: ValidateFunction | undefined;
  return (value) => {
    compile ??= createCompiler();
    validate ??= compile(schema);
    if (isValid(validate, value)) return [];
    return (validate.errors ?? [])
      .filter(({ keyword }) => keyword !== 'propertyNames')
      .map((error) => {
        const { keyword, params } = error;
        return { path: pathOfError(error), keyword, params, message: ruleOf(error) };
      });
  };
}

/** A pattern on a text of some MB, or a schema with endless recursion, is too much for the check. */
function isValid(validate: ValidateFunction, value: unknown): boolean {
  try {
    return validate(value) as boolean;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    validate.errors = [
      {
        instancePath: '',
        schemaPath: '#',
        keyword: 'check',
        params: {},
        message: `cannot be checked: ${error.message}`,
      },
    ];
    return false;
  }
}
