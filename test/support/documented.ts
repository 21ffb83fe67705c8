/** Holds the answers of the API against its OpenAPI document: every test that sends a request checks its answer. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import { schemas } from '../../src/contract/schemas.ts';
import { openApiDocument } from '../../src/http/openapi/document.ts';
import { createActionCatalogue } from '../../src/pipeline/read/action-catalogue.ts';
import type { Registry } from '../../src/registry/registry.ts';
import type { Json } from './json.ts';

interface Asked {
  method: string;
  path: string;
}

interface Answered {
  status: number;
  headers: Headers;
  body: Json;
}

/** Throws an Error that says how the answer differs from the document. Paths without an entry are not checked. */
export type RequireDocumented = (asked: Asked, answered: Answered) => void;

const NAME = 'openapi';

export async function documentedBy(registry: Registry): Promise<RequireDocumented> {
  const document = (await openApiDocument({
    version: 'of the test',
    actions: createActionCatalogue(registry).all(),
    routes: registry.routes,
    publicUrl: undefined,
  })) as Json;
  const paths = Object.entries(document.paths as Json)
    .map(([template, item]) => ({
      template,
      item: item as Json,
      pattern: new RegExp(`^${template.replaceAll(/\{[^}]+\}/g, '[^/]+')}/?$`),
    }))
    // A path that is written out comes before one with a variable in that place.
    .toSorted((one, other) => variablesOf(one) - variablesOf(other));
  const validators = new Map<string, ValidateFunction>();
  let ajv: Ajv2020 | undefined;

  function validatorOf(pointer: string): ValidateFunction {
    ajv ??= createAjv(document);
    const known = validators.get(pointer);
    if (known) return known;
    const compiled = ajv.compile({ $ref: `${NAME}#${pointer}` });
    validators.set(pointer, compiled);
    return compiled;
  }

  return ({ method, path }, { status, headers, body }) => {
    const [pathname = ''] = path.split('?');
    const found = paths.find(({ pattern }) => pattern.test(pathname));
    const operation = found?.item[method.toLowerCase()];
    if (!found || !operation) return;
    const place = ['paths', found.template, method.toLowerCase(), 'responses'];
    const name = Object.hasOwn(operation.responses, status) ? String(status) : 'default';
    const where = `${method} ${found.template} ${status}`;
    if (name === 'default' && status < 400) throw new Error(`${where} is not in the OpenAPI document`);
    let answer = operation.responses[name];
    const reference: string | undefined = answer?.$ref;
    if (reference) {
      place.splice(0, place.length, ...reference.slice(2).split('/'));
      answer = document.components.responses[place.at(-1) ?? ''];
    } else place.push(name);
    const [type = ''] = (headers.get('content-type') ?? '').split(';');
    if (type === '') return;
    if (!answer?.content?.[type])
      throw new Error(`${where} has ${type}, which is not in the OpenAPI document`);
    if (type !== 'application/json' && !type.endsWith('+json')) return;
    const validate = validatorOf(pointerOf([...place, 'content', type, 'schema']));
    if (!validate(body))
      throw new Error(
        `${where} differs from the OpenAPI document: ${JSON.stringify(validate.errors)} in ${JSON.stringify(body).slice(0, 1000)}`,
      );
  };
}

/** Throws an Error that says how the body of a callback differs from its schema. */
export function requireCallbackBody(body: Json): void {
  const validate = createAjv({ components: { schemas } }).compile({
    $ref: `${NAME}#/components/schemas/CallbackBody`,
  });
  if (!validate(body)) throw new Error(`the callback differs: ${JSON.stringify(validate.errors)}`);
}

function createAjv(document: Json): Ajv2020 {
  const ajv = new Ajv2020({
    strict: false,
    allErrors: false,
    validateSchema: false,
    code: { optimize: false },
  });
  ajvFormats.default(ajv);
  return ajv.addSchema({ ...(closed(document) as object), $id: NAME });
}

function variablesOf({ template }: { template: string }): number {
  return template.split('{').length - 1;
}

/** Here no member may be missing in the document; clients must accept further ones. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.fromEntries(Object.entries(value).map(([name, member]) => [name, closed(member)]));
  const isObject = members.type === 'object' && typeof members.properties === 'object';
  return isObject && members.additionalProperties === undefined
    ? { ...members, additionalProperties: false }
    : members;
}

function pointerOf(parts: readonly string[]): string {
  return parts
    .map((part) => `/${encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))}`)
    .join('');
}
