/** Reads the items of jobs, and checks what their schema of a job does not. */
import { compileSchema, NonRetryableError } from 'batchwright/plugin';
import type { CreateParticipant, NewParticipant } from '#schemas/os1/createParticipant.ts';
import { changedParticipant, newParticipant } from '#schemas/os1/lib/participant.ts';
import type { ChangedParticipant } from '#schemas/os1/updateParticipant.ts';
import { invalidItem, itemError, shown } from './item-error.ts';
import { isObject, MAX_PROPERTIES_BYTES } from './properties.ts';

type ItemParams = CreateParticipant;

const problemsOfNew = compileSchema(newParticipant);
const problemsOfChanged = compileSchema(changedParticipant);
/** Of a request's body too. Postgres cannot read JSON that is much deeper. */
const MAX_DEPTH = 500;
const STRING_OR_BRACKET = /"(?:[^"\\]+|\\.)*"|[{}[\]]/g;
const ID = /^(.*):([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/is;

export interface NewItem {
  type: string;
  uniqueCode: string;
  name: string | null;
  owner: string | null;
  /** JSON text of an object. */
  properties: string;
}

/** Undefined members stay as they are stored. */
export interface ChangedItem {
  type: string;
  uuid: string;
  id: string;
  name: string | null | undefined;
  owner: string | null | undefined;
  /** JSON text of an object. */
  properties: string | undefined;
}

/** A participant to create, or why it cannot be. */
export function readNew(params: ItemParams): NewItem | NonRetryableError {
  const item = checked<NewParticipant>(params, problemsOfNew);
  if (item instanceof NonRetryableError) return item;
  const properties = propertiesOf(params, item.properties);
  if (properties instanceof NonRetryableError) return properties;
  const { uniqueCode, name = null, owner = null } = item;
  return { type: params.type, uniqueCode, name, owner, properties: properties ?? '{}' };
}

/** A change of a participant, or why it is wrong. */
export function readChanged(params: ItemParams): ChangedItem | NonRetryableError {
  const item = checked<ChangedParticipant>(params, problemsOfChanged);
  if (item instanceof NonRetryableError) return item;
  const { id, name, owner } = item;
  const [, type, uuid] = ID.exec(id) ?? [];
  if (type === undefined || uuid === undefined)
    return itemError('NOT_FOUND', `There is no participant with the id "${shown(id)}"`);
  if (type !== params.type)
    return itemError('WRONG_TYPE', `The id "${shown(id)}" is not one of the type ${params.type}`);
  const properties = propertiesOf(params, item.properties);
  if (properties instanceof NonRetryableError) return properties;
  return { type, uuid: uuid.toLowerCase(), id, name, owner, properties };
}

function checked<Item>(
  { participant, fault }: ItemParams,
  problemsOf: (value: unknown) => Parameters<typeof invalidItem>[0],
): Item | NonRetryableError {
  if (fault !== undefined) return itemError('WRONG_ROW', fault);
  if (participant === undefined) return itemError('INVALID', 'the participant is missing');
  const problems = problemsOf(participant);
  return problems.length > 0 ? invalidItem(problems) : (participant as Item);
}

/** The JSON text of the properties; undefined without any. */
function propertiesOf(
  { propertiesJson }: ItemParams,
  properties: object | null | undefined,
): string | undefined | NonRetryableError {
  if (propertiesJson !== undefined && properties != null)
    return itemError('INVALID', 'properties and propertiesJson must not be given together');
  const text = propertiesJson ?? (properties == null ? undefined : JSON.stringify(properties));
  if (text !== undefined && Buffer.byteLength(text) > MAX_PROPERTIES_BYTES)
    return itemError('TOO_LARGE', `properties have more than ${MAX_PROPERTIES_BYTES} bytes`);
  if (propertiesJson !== undefined && !isObjectText(propertiesJson))
    return itemError(
      'INVALID',
      'propertiesJson must be the JSON text of an object, nested at most 500 levels deep, without half of a surrogate pair',
    );
  return text;
}

function isObjectText(text: string): boolean {
  try {
    return text.isWellFormed() && isObject(JSON.parse(text)) && depthOf(text) <= MAX_DEPTH;
  } catch {
    return false;
  }
}

/** The levels of objects and arrays in a JSON text. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [part] of text.matchAll(STRING_OR_BRACKET)) {
    if (part === '{' || part === '[') depth += 1;
    else if (part === '}' || part === ']') depth -= 1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}
