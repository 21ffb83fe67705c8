/** Decides which contact each job of a run adds or updates. */
import { NonRetryableError } from 'batchwright/plugin';
import {
  type Contact,
  type ContactFields,
  type ContactRequest,
  hasAllNames,
  NAMES,
} from './contact-request.ts';
import type { ContactRow } from './contact-rows.ts';

/** What is stored, as far as the requests depend on it. */
export interface StoredContacts {
  /** Those with the ids of the requests, and those in `idsByNames`. */
  contacts: readonly ContactRow[];
  /** By the number of the request: the lowest id, other than the requests' ids, of a contact with its names. */
  idsByNames: ReadonlyMap<number, number>;
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
  const planned = new PlannedContacts(stored.contacts);
  const targets = requests.map(({ id: given, updatesExisting, fields }, number) => {
    const id =
      given ?? (updatesExisting ? planned.findByNames(fields, stored.idsByNames.get(number)) : undefined);
    const before = id === undefined ? undefined : planned.get(id);
    const names = { ...before, ...fields };
    if (!hasAllNames(names)) return missingName(fields, given);
    return planned.store(id ?? planned.newKey(), { ...UNSET, ...names });
  });

  const idOf = (key: number, newIds: readonly number[]) => (key < 0 ? (newIds[-key - 1] as number) : key);
  return {
    ids: [...planned.stored.keys()].filter((key) => key > 0),
    added: planned.added,
    rows: (newIds) => [...planned.stored].map(([key, contact]) => ({ ...contact, id: idOf(key, newIds) })),
    outcomes: (newIds) =>
      targets.map((target) => (target instanceof NonRetryableError ? target : { id: idOf(target, newIds) })),
  };
}

/** The fields of a new contact that were not sent. */
const UNSET = { phone: null, externalId: null, status: 1 } as const;

/** The contacts of a run by key: the id, or -1, -2, … for those that get a new id. */
class PlannedContacts {
  /** What the run stores, by key. */
  readonly stored = new Map<number, Contact>();
  added = 0;
  readonly #contacts = new Map<number, Contact>();
  readonly #byNames = new Map<string, Set<number>>();

  constructor(contacts: readonly ContactRow[]) {
    for (const { id, ...contact } of contacts) this.#put(id, contact);
  }

  /** The contact as earlier requests leave it; undefined when there is none yet. */
  get(key: number): Contact | undefined {
    return this.#contacts.get(key);
  }

  newKey(): number {
    this.added += 1;
    return -this.added;
  }

  /** Returns the key. */
  store(key: number, contact: Contact): number {
    this.stored.set(key, contact);
    this.#put(key, contact);
    return key;
  }

  /**
   * The lowest id with these names, otherwise the contact that an earlier request adds.
   *
   * @param other the id of a contact that no request names by its id
   */
  findByNames(names: ContactFields, other: number | undefined): number | undefined {
    const found = [...(this.#byNames.get(keyOf(names)) ?? []), ...(other === undefined ? [] : [other])];
    const ids = found.filter((key) => key > 0);
    return ids.length > 0 ? Math.min(...ids) : found[0];
  }

  #put(key: number, contact: Contact): void {
    const before = this.#contacts.get(key);
    if (before) this.#byNames.get(keyOf(before))?.delete(key);
    this.#contacts.set(key, contact);
    const names = keyOf(contact);
    const same = this.#byNames.get(names);
    if (same) same.add(key);
    else this.#byNames.set(names, new Set([key]));
  }
}

function keyOf({ firstName, lastName, email }: ContactFields): string {
  return lowerCase(JSON.stringify([firstName, lastName, email]));
}

/** As `lower` of Postgres: one character at a time, without Σ at the end of a word and İ of two characters. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]|[^ -~]/gu, firstOfLowerCase);
}

function firstOfLowerCase(character: string): string {
  return String.fromCodePoint(character.toLowerCase().codePointAt(0) as number);
}

/** The error of a new contact that lacks one of the three. */
function missingName(fields: ContactFields, id: number | undefined): NonRetryableError {
  const missing = NAMES.filter((name) => fields[name] === undefined);
  const why = id === undefined ? '' : `, because there is no contact ${id} yet`;
  return new NonRetryableError(`'${missing[0]}' is required`, {
    errorCode: 400,
    specificCode: 23017,
    additionalMessages: missing.map((name) => `params.${name} is required${why}`),
  });
}
