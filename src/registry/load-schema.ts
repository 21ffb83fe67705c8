import type { ValidateFunction } from 'ajv';
import { placeOf } from '../domain/files.ts';
import { shown } from '../domain/shown.ts';
import { isObject } from './members.ts';
import type { ModuleLoader } from './module-loader.ts';
import { RegistryError } from './registry-error.ts';

/**
 * The JSON Schema that a file of `schemas/` exports, compiled. Throws RegistryError, one line that names the file.
 *
 * @param options.isChecked the schema has been compiled before, by another process: it is compiled here when it is used
 *   for the first time
 */
export async function loadSchema(
  file: string,
  load: ModuleLoader,
  compile: (schema: object) => ValidateFunction,
  { isChecked }: { isChecked: boolean },
): Promise<{ schema: object; validate: ValidateFunction }> {
  const { params: schema } = await load(file);
  const problem = notJson(schema);
  if (!isObject(schema) || problem)
    throw new RegistryError(`${placeOf(file)}: it must export params, a JSON Schema${problem}`);
  if (isChecked) return { schema, validate: compiledAtFirstUse(schema, compile) };
  try {
    const validate = compile(schema);
    if ('$async' in validate) throw new Error('params.$async is not supported');
    return { schema, validate };
  } catch (error) {
    throw new RegistryError(`${placeOf(file)}: the schema does not compile: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function compiledAtFirstUse(schema: object, compile: (schema: object) => ValidateFunction): ValidateFunction {
  let compiled: ValidateFunction | undefined;
  const validate = (params: unknown) => {
    compiled ??= compile(schema);
    const fits = compiled(params);
    validate.errors = compiled.errors;
    return fits;
  };
  validate.errors = undefined as ValidateFunction['errors'];
  return validate as ValidateFunction;
}

/** Callers see the schema, and the thread for large jobs gets a copy. */
function notJson(schema: unknown): string {
  if (schema === undefined) return '';
  if (!isObject(schema)) return `, not ${shown(schema)}`;
  try {
    JSON.stringify(structuredClone(schema));
    return '';
  } catch (error) {
    return `, but what it exports is not JSON: ${(error as Error).message}`;
  }
}
