/** Explains why a schema does not compile: ajv's own messages name no place, or list every alternative. */
import type { ErrorObject } from 'ajv';
import { nearestName } from '../domain/nearest-name.ts';
import { shown } from '../domain/shown.ts';

/** For a schema with many errors, the first are enough. */
const MAX_MESSAGES = 3;

/** Explains the errors of a schema checked against the meta-schema. */
export function explainInvalidSchema(errors: readonly ErrorObject[], schema: unknown): string {
  const paths = [...new Set(errors.map(({ instancePath }) => instancePath))];
  // An error in a part of a value is also an error of the value: keep the inner one.
  const wrong = paths.filter((path) => !paths.some((other) => other.startsWith(`${path}/`)));
  const messages = wrong.slice(0, MAX_MESSAGES).map((path) => {
    const value = partsOf(path).reduce<unknown>(
      (of, part) => (of as Record<string, unknown>)?.[part],
      schema,
    );
    return `${dotted(path)} ${ruleOf(errors.filter((error) => error.instancePath === path))}, not ${shown(value)}`;
  });
  return [
    ...messages,
    ...(wrong.length > MAX_MESSAGES ? [`and ${wrong.length - MAX_MESSAGES} more`] : []),
  ].join('; ');
}

function ruleOf(errors: readonly ErrorObject[]): string {
  const choice = errors.find(({ keyword }) => keyword === 'enum');
  if (choice) return `must be one of ${choice.params.allowedValues.join(', ')}`;
  const type = errors.find(({ keyword }) => keyword === 'type');
  if (type) return `must be ${[type.params.type].flat().join(' or ')}`;
  return errors[0]?.message ?? 'is wrong';
}

/**
 * Explains an error of ajv's strict mode, or of a reference, format or pattern.
 *
 * @param known the known keywords and formats
 */
export function explainStrictError(
  { message }: Error,
  schema: unknown,
  known: { keywords: readonly string[]; formats: readonly string[] },
): string {
  const [, keyword] = /^strict mode: unknown keyword: "(.+)"$/.exec(message) ?? [];
  if (keyword !== undefined) {
    const path = findKeyword(schema, keyword) ?? [keyword];
    return `${dotted(path)} is not a keyword of JSON Schema${meant(keyword, known.keywords)}`;
  }
  const [, format, at = ''] = /^unknown format "(.+)" ignored in schema at path "#(.*)"$/.exec(message) ?? [];
  if (format !== undefined)
    return `${dotted(decoded(`${at}/format`))} "${format}" is not a known format${meant(format, known.formats)}`;
  const [, reference] = /^can't resolve reference (\S+) from id/.exec(message) ?? [];
  if (reference !== undefined) return `the $ref "${reference}" cannot be resolved`;
  const [, version] = /^no schema with key or ref "(.+)"$/.exec(message) ?? [];
  if (version !== undefined) return `params.$schema must be left out, or name draft 2020-12, not ${version}`;
  return message
    .replace(/^strict mode: /, '')
    .replace(
      / at (?:path )?"#(.*?)"(?: \(strict\w+\))?$/,
      (_, path: string) => ` at ${dotted(decoded(path))}`,
    );
}

function meant(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest ? `: did you mean ${nearest}?` : '';
}

/** Keywords whose members have names chosen by the plugin, each with a schema. */
const MAPS = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']);
/** Keywords whose values are not schemas. */
const VALUES = new Set(['const', 'default', 'enum', 'examples']);

/** The path of the first place that uses the keyword. */
function findKeyword(schema: unknown, keyword: string): string[] | null {
  if (typeof schema !== 'object' || schema === null) return null;
  if (!Array.isArray(schema) && Object.hasOwn(schema, keyword)) return [keyword];
  for (const [name, value] of Object.entries(schema)) {
    if (VALUES.has(name)) continue;
    const inner = MAPS.has(name) ? Object.entries(value ?? {}) : ([[null, value]] as const);
    for (const [member, part] of inner) {
      const found = findKeyword(part, keyword);
      if (found) return [name, ...(member === null ? [] : [member]), ...found];
    }
  }
  return null;
}

/** A JSON Pointer, or its parts, in code notation: `params.properties.name.type`. */
function dotted(path: string | string[]): string {
  const parts = typeof path === 'string' ? partsOf(path) : path;
  return ['params', ...parts].join('.').replaceAll(/\.(\d+)(?=\.|$)/g, '[$1]');
}

function partsOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Ajv's strict mode reports places as URI fragments. */
function decoded(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}
