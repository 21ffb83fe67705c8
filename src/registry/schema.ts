import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import { explainInvalidSchema, explainStrictError } from './schema-error.ts';

/** How many errors of one job are told; a job with 100,000 wrong rows names the first of them. */
const MAX_MESSAGES = 20;

/** Ajv with the rules that every plugin schema is compiled under. Throws an Error in words for a wrong schema. */
export function createCompiler(): (schema: object) => ValidateFunction {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true, verbose: false });
  ajvFormats.default(ajv);
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
  /** The first one that is missing, else the first that is wrong: `event`, `contacts[3].name`. */
  parameter: string;
  /** Such as `params.event must be integer`, prefixed by the caller with the job's place. */
  messages: string[];
}

/** Null when the params fit the schema. */
export function checkParams(validate: ValidateFunction, params: unknown): ParamsProblem | null {
  if (validate(params)) return null;
  const errors = validate.errors ?? [];
  const messages = errors.slice(0, MAX_MESSAGES).map(describe);
  if (errors.length > MAX_MESSAGES) messages.push(`and ${errors.length - MAX_MESSAGES} more`);
  const absent = errors.find((error) => error.keyword === 'required');
  const first = absent ?? errors[0];
  const parameter = first ? placeOf(first).replace(/^params\.(?=.)/, '') : 'params';
  return { missing: absent !== undefined, parameter, messages };
}

/** `params.contacts[3].name`: the parameter that an error is about, be it one that is not there. */
function placeOf({ keyword, instancePath, params }: ErrorObject): string {
  const place = `params${dotted(instancePath)}`;
  switch (keyword) {
    case 'required':
      return `${place}.${params.missingProperty}`;
    case 'additionalProperties':
      return `${place}.${params.additionalProperty}`;
    case 'unevaluatedProperties':
      return `${place}.${params.unevaluatedProperty}`;
    default:
      return place;
  }
}

function describe(error: ErrorObject): string {
  const place = placeOf(error);
  switch (error.keyword) {
    case 'required':
      return `${place} is required`;
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return `${place} is not known`;
    case 'enum':
      return `${place} must be one of ${error.params.allowedValues.map((value: unknown) => JSON.stringify(value)).join(', ')}`;
    case 'const':
      return `${place} must be ${JSON.stringify(error.params.allowedValue)}`;
    default:
      return `${place} ${error.message}`;
  }
}

/** `/contacts/3/name` → `.contacts[3].name` */
function dotted(instancePath: string): string {
  return instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`))
    .join('');
}
