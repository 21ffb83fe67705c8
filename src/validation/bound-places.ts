/**
 * Places in a job's params that get their values when the job runs. When the batch is taken they count as present, and what
 * depends on their values is not checked.
 */
import type { ErrorObject } from 'ajv';
import { memberPath } from '../domain/unknown-name.ts';
import { APPEND, pointerTo, positionIn } from '../json/pointer.ts';
import { pathOfError } from './check-params.ts';

type Container = Record<string, unknown> | unknown[];

/** A place that cannot be: the object or array that would have it is not there. */
export class NoContainer {
  /** Begins with the name of the place: `bind["/a/b"]: there is …`. */
  readonly text: string;

  constructor(place: readonly string[], why: string) {
    this.text = `${boundPlace(place)}: ${why}`;
  }
}

/** The name of a place in errors. */
export function boundPlace(place: readonly string[]): string {
  return `bind${memberPath(pointerTo(place))}`;
}

/**
 * Puts null at each place, and returns their JSON Pointers, with a position in place of each `-`.
 *
 * @param params are changed
 * @param places in the order of `comparePaths`, none of them the params as a whole
 */
export function fillPlaces(params: unknown, places: readonly (readonly string[])[]): string[] | NoContainer {
  const filled: string[] = [];
  let last: readonly string[] | undefined;
  for (const place of places) {
    // It belongs into a value that is not known yet.
    if (last?.every((part, at) => part === place[at])) continue;
    const path = fill(params, place);
    if (path instanceof NoContainer) return path;
    filled.push(pointerTo(path));
    last = place;
  }
  return filled;
}

function fill(params: unknown, place: readonly string[]): string[] | NoContainer {
  let container = params;
  for (const part of place.slice(0, -1))
    container = isContainer(container) ? memberOf(container, part) : undefined;
  const last = place.at(-1) ?? '';
  const around = `params${pointerTo(place.slice(0, -1))}`;
  if (!isContainer(container)) return new NoContainer(place, `there is no object or array at ${around}`);
  if (!Array.isArray(container)) {
    // An assignment to __proto__ would change the object itself.
    Object.defineProperty(container, last, {
      value: null,
      enumerable: true,
      configurable: true,
      writable: true,
    });
    return [...place];
  }
  const position = last === APPEND ? container.length : positionIn(last);
  if (position === null || position > container.length)
    return new NoContainer(
      place,
      `the array at ${around} has ${container.length} elements, so the place can be one of these, the next, or "-"`,
    );
  container[position] = null;
  return [...place.slice(0, -1), String(position)];
}

function isContainer(value: unknown): value is Container {
  return value !== null && typeof value === 'object';
}

function memberOf(container: Container, part: string): unknown {
  const name = Array.isArray(container) ? positionIn(part) : part;
  return name !== null && Object.hasOwn(container, name)
    ? (container as Record<string, unknown>)[name]
    : undefined;
}

/** Keywords whose answer can depend on any value inside of theirs. */
const DEPENDS_ON_VALUES = new Set([
  ...['anyOf', 'oneOf', 'not', 'if', 'contains', 'enum', 'const', 'uniqueItems'],
  ...['unevaluatedProperties', 'unevaluatedItems'],
]);

/** The errors that no value at the places could mend. */
export function certainErrors(errors: readonly ErrorObject[], places: readonly string[]): ErrorObject[] {
  const bound = new Set(places);
  const around = new Set(places.flatMap((place) => [...outwards(place)]));
  // An error of a part of them comes beside it, and may have the same place or one further in.
  const open = new Set(
    errors.flatMap(({ keyword, instancePath }) =>
      DEPENDS_ON_VALUES.has(keyword) && around.has(instancePath) ? [instancePath] : [],
    ),
  );
  return errors.filter((error) => {
    for (const pointer of outwards(error.instancePath))
      if (bound.has(pointer) || open.has(pointer)) return false;
    return error.keyword === 'additionalProperties' || !bound.has(pointerTo(pathOfError(error)));
  });
}

/** The pointer, and those to the objects and arrays around its place. */
function* outwards(pointer: string): Generator<string> {
  for (let end = pointer.length; end > 0; end = pointer.lastIndexOf('/', end - 1))
    yield pointer.slice(0, end);
  yield '';
}
