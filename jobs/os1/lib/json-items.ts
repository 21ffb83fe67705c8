/** The jobs of a JSON body `{"payload": […], "callback": {"url"}}`, one for each item. */
import type { JsonArrayBody } from 'batchwright/plugin';
import { badRequest } from './callback-url.ts';
import type { BodyEcho } from './envelopes.ts';
import { mayBeRounded, parseExact } from './exact-json.ts';
import { shown } from './item-error.ts';
import { isObject } from './properties.ts';

const MEMBERS = ['payload', 'callback'];

/** What a job does to the participants of a type. */
export interface ItemAction {
  action: 'createParticipant' | 'updateParticipant';
  type: string;
}

/** An element of the payload. */
interface Item {
  value: unknown;
  /** True when a number in it may need more digits than JavaScript has. */
  mayBeRounded: boolean;
}

export function parseItem(text: string): Item {
  return { value: parseExact(text), mayBeRounded: mayBeRounded(text) };
}

/** Throws 400 at the end of a body that is not as documented. */
export async function* jsonJobs(body: JsonArrayBody, of: ItemAction, echo: BodyEcho) {
  let count = 0;
  for await (const element of body.elements) {
    const item = element as Item;
    echo.add(item.value);
    yield jobOf(of, item);
    count += 1;
  }
  const unknown = Object.keys(body.members).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined)
    throw badRequest(`${shown(unknown)} is not known: members are payload and callback`);
  if (!body.hasArray) throw badRequest('payload must be an array of participants');
  if (count === 0) throw badRequest('payload must not be empty');
}

function jobOf({ action, type }: ItemAction, { value, mayBeRounded }: Item) {
  const params = { type, ...(mayBeRounded ? withPropertiesAsText(value) : { participant: value }) };
  return { namespace: 'os1', action, params };
}

/** The properties as text when `JSON.parse` would change them: a job gets its params from there. */
function withPropertiesAsText(value: unknown): object {
  if (!isObject(value) || !isObject(value.properties)) return { participant: value };
  const text = JSON.stringify(value.properties);
  // A number in the place of the properties is an object here too, and written as it was.
  if (!text.startsWith('{')) return { participant: value };
  if (JSON.stringify(JSON.parse(text)) === text) return { participant: value };
  const { properties: _asText, ...participant } = value;
  return { participant, propertiesJson: text };
}
