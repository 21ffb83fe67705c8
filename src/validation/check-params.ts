import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import { TEXT_FORMATS, textRule } from '../domain/text.ts';
import { explainInvalidSchema, explainStrictError } from './schema-error.ts';

/** Errors reported for one job: a job with 100,000 wrong rows names only the first. */
const MAX_MESSAGES = 20;

/**
 * Ajv with the options for every plugin schema. Throws an Error with a readable message for a wrong schema.
 */
export function createCompiler(): (schema: object) => ValidateFunction {
  // The optimiser takes half of the time of compiling, and its code is no faster (docs/performance.md).
  const code = { optimize: false };
  const ajv = new Ajv2020({
    ...{ strict: true, allowUnionTypes: true, allErrors: true, verbose: false, code },
    // What dozens of `$ref` name is compiled once, instead of once for each.
    inlineRefs: false,
  });
  ajvFormats.default(ajv);
  for (const [name, { allows }] of Object.entries(TEXT_FORMATS)) ajv.addFormat(name, allows);
  const known = { keywords: Object.keys(ajv.RULES.keywords), formats: Object.keys(ajv.formats) };
  return (schema) => {
    try {
      if (ajv.validateSchema(schema)) return ajv.compile(schema);
    } catch (error) {
      throw new Error(explainStrictError(error as Error, schema, known), { cause: error });
    }
    throw new Error(explainInvalidSchema(ajv.errors ?? [], schema));
  };
}

export interface ParamsProblem {
  /** True when a required parameter is missing. */
  missing: boolean;
  /** The first missing parameter, otherwise the first wrong one: `event`, `contacts[3].name`. */
  parameter: string;
  /** For example `params.event must be integer`; the caller prefixes the job's place. */
  messages: string[];
}

/**
 * Null when the params fit the schema.
 *
 * @param counted which errors count; all when absent
 */
export function checkParams(
  validate: ValidateFunction,
  params: unknown,
  counted = (errors: ErrorObject[]) => errors,
): ParamsProblem | null {
  try {
    if (validate(params)) return null;
    const errors = counted(validate.errors ?? []);
    return errors.length === 0 ? null : problemOf(errors);
  } catch (error) {
    // A pattern on a text of some MB, or a schema with endless recursion.
    if (!(error instanceof RangeError)) throw error;
    return { missing: false, parameter: 'params', messages: [`params cannot be checked: ${error.message}`] };
  }
}

/** Keywords that require a number, or a whole number. */
const ASKS_FOR_WHOLE = new Set(['type', 'multipleOf', 'enum', 'const']);

/**
 * Null when no number that JSON.parse has rounded is where the schema requires a whole number.
 *
 * @param params match the schema
 * @param unrounded the same with a fraction in place of each whole number that the text does not contain
 */
export function checkUnrounded(
  validate: ValidateFunction,
  params: unknown,
  unrounded: unknown,
): ParamsProblem | null {
  if (validate(unrounded)) return null;
  const isRounded = ({ keyword, instancePath }: ErrorObject) =>
    ASKS_FOR_WHOLE.has(keyword) && valueAt(params, instancePath) !== valueAt(unrounded, instancePath);
  const errors = (validate.errors ?? []).filter(isRounded);
  return errors.length === 0 ? null : problemOf(errors.map((error) => ({ ...error, message: ROUNDED })));
}

const ROUNDED = `must be integer: a whole number that is kept as it is written, as those up to ${Number.MAX_SAFE_INTEGER} are`;

function valueAt(root: unknown, instancePath: string): unknown {
  let value = root;
  for (const part of pathOf(instancePath)) value = (value as Record<string, unknown>)[part];
  return value;
}

function problemOf(all: ErrorObject[]): ParamsProblem {
  // Beside each of these there is an error that says what is wrong.
  const errors = all.filter(({ keyword }) => keyword !== 'propertyNames' && keyword !== 'if');
  const messages = errors.slice(0, MAX_MESSAGES).map(describe);
  const more = errors.length - MAX_MESSAGES;
  if (more > 0) messages.push(`params: ${more} more ${more === 1 ? 'fault' : 'faults'}`);
  const absent = errors.find((error) => error.keyword === 'required');
  const first = absent ?? errors[0];
  const parameter = first ? placeOf(first).replace(/^params\.(?=.)/, '') : 'params';
  return { missing: absent !== undefined, parameter, messages };
}

/** `params.contacts[3].name`: the parameter of an error, even if it is missing. */
function placeOf(error: ErrorObject): string {
  const inner = pathOf(error.instancePath).map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`));
  const member = pathOfError(error)
    .slice(inner.length)
    .map((name) => `.${name}`);
  return ['params', ...inner, ...member].join('');
}

function describe(error: ErrorObject): string {
  const { propertyName } = error;
  const place =
    propertyName === undefined
      ? placeOf(error)
      : `${placeOf(error)}: the name ${JSON.stringify(propertyName)}`;
  return `${place} ${ruleOf(error)}`;
}

/** The rule that the value breaks, as it is written after the value's place: `must be integer`. */
export function ruleOf(error: ErrorObject): string {
  switch (error.keyword) {
    case 'required':
      return 'is required';
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return 'is not known';
    case 'type':
      return spaced(error.message);
    case 'enum':
      return `must be one of ${error.params.allowedValues.map((value: unknown) => JSON.stringify(value)).join(', ')}`;
    case 'format':
      return textRule(error.params.format) ?? `${error.message}`;
    case 'const':
      return `must be ${JSON.stringify(error.params.allowedValue)}`;
    case 'false schema':
      return `is not allowed${besides(error)}`;
    default:
      return `${error.message}`;
  }
}

/** The names and positions that lead to the value, or to the member that is missing or not known. */
export function pathOfError({ instancePath, keyword, params }: ErrorObject): string[] {
  const path = pathOf(instancePath);
  switch (keyword) {
    case 'required':
      return [...path, params.missingProperty];
    case 'additionalProperties':
      return [...path, params.additionalProperty];
    case 'unevaluatedProperties':
      return [...path, params.unevaluatedProperty];
    default:
      return path;
  }
}

/** Ajv's `must be string,number,boolean` → `must be string, number or boolean` */
function spaced(message = ''): string {
  return message.replaceAll(/(?<=\w),(?=\w)/g, ', ').replace(/, (?=\w+$)/, ' or ');
}

/** For a member that another one excludes, by `dependentSchemas`. */
function besides({ schemaPath }: ErrorObject): string {
  const [, other] = /\/dependentSchemas\/([^/]+)\/properties\/[^/]+\/false schema$/.exec(schemaPath) ?? [];
  return other === undefined ? '' : ` together with ${other}`;
}

function pathOf(instancePath: string): string[] {
  return instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}
