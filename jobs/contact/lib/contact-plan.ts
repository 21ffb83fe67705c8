/** Decides which contact each job of a run adds or updates. */
import { NonRetryableError } from 'batchwright/plugin';
import type { ContactFields, ContactRequest, Names } from './contact-request.ts';
import { hasAllNames } from './contact-request.ts';
import type { ContactRow } from './contact-rows.ts';

/** What is stored, as far as the requests depend on it. */
export interface StoredContacts {
  /** Those with the ids of the requests. */
  byId: readonly (Names & { id: number })[];
  /** By the number of the request: the lowest id of the others that have its names. */
  byNames: ReadonlyMap<number, number>;
}

export interface ContactPlan {
  /** The ids of the contacts to store, except those to add without an id. */
  ids: number[];
  /** How many contacts need a new id. */
  added: number;
  rows(newIds: readonly number[]): ContactRow[];
  /** By job: its contact's id, or why it fails. */
  outcomes(newIds: readonly number[]): ({ id: number } | NonRetryableError)[];
}

/**
 * Plans the requests as if one after the other: a contact that an earlier request adds or renames is found by a
 * later one.
 */
export function planContacts(requests: readonly ContactRequest[], stored: StoredContacts): ContactPlan {
  const planned = new PlannedContacts(stored.byId);
  const targets = requests.map(({ id: given, updatesExisting, fields }, number) => {
    const id =
      given ?? (updatesExisting ? planned.findByNames(fields, stored.byNames.get(number)) : undefined);
    const isKnown = id !== undefined && (given === undefined || planned.has(id));
    const missing = isKnown ? undefined : missingName(fields, given);
    return missing ?? planned.add(id ?? planned.newKey(), fields);
  });

  const keys = [...planned.rows.keys()];
  const idOf = (key: number, newIds: readonly number[]) => (key < 0 ? (newIds[-key - 1] as number) : key);
  return {
    ids: keys.filter((key) => key > 0),
    added: planned.added,
    rows: (newIds) => keys.map((key) => ({ ...planned.rows.get(key), id: idOf(key, newIds) })),
    outcomes: (newIds) =>
      targets.map((target) => (target instanceof NonRetryableError ? target : { id: idOf(target, newIds) })),
  };
}

/** The contacts of a run by key: the id, or -1, -2, … for those that get a new id. */
class PlannedContacts {
  readonly rows = new Map<number, ContactFields>();
  added = 0;
  readonly #names = new Map<number, Names>();
  readonly #byNames = new Map<string, Set<number>>();

  constructor(stored: StoredContacts['byId']) {
    for (const { id, ...names } of stored) this.#name(id, names);
  }

  /** True when the contact is stored, or added by an earlier request. */
  has(key: number): boolean {
    return this.#names.has(key);
  }

  newKey(): number {
    this.added += 1;
    return -this.added;
  }

  /** Returns the key. */
  add(key: number, fields: ContactFields): number {
    this.rows.set(key, { ...this.rows.get(key), ...fields });
    const names = { ...this.#names.get(key), ...fields };
    if (hasAllNames(names)) this.#name(key, names);
    return key;
  }

  /** The lowest id with these names, otherwise the contact that an earlier request adds. */
  findByNames(fields: ContactFields, stored: number | undefined): number | undefined {
    const found = [...(this.#byNames.get(keyOf(fields)) ?? []), ...(stored === undefined ? [] : [stored])];
    const ids = found.filter((key) => key > 0);
    return ids.length > 0 ? Math.min(...ids) : found[0];
  }

  #name(key: number, { firstName, lastName, email }: Names): void {
    const before = this.#names.get(key);
    if (before) this.#byNames.get(keyOf(before))?.delete(key);
    const names = { firstName, lastName, email };
    this.#names.set(key, names);
    const text = keyOf(names);
    const same = this.#byNames.get(text);
    if (same) same.add(key);
    else this.#byNames.set(text, new Set([key]));
  }
}

function keyOf({ firstName, lastName, email }: ContactFields): string {
  return JSON.stringify([firstName, lastName, email]).toLowerCase();
}

/** The error of a new contact that lacks one of the three; undefined when it has them. */
function missingName(fields: ContactFields, id: number | undefined): NonRetryableError | undefined {
  const missing = (['firstName', 'lastName', 'email'] as const).filter((name) => fields[name] === undefined);
  if (missing.length === 0) return undefined;
  const why = id === undefined ? '' : `, because there is no contact ${id} yet`;
  return new NonRetryableError(`'${missing[0]}' is required`, {
    errorCode: 400,
    specificCode: 23017,
    additionalMessages: missing.map((name) => `params.${name} is required${why}`),
  });
}
