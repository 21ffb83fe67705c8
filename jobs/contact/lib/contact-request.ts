import type { AddOrUpdateContact } from '#schemas/contact/addOrUpdateContact.ts';

export interface Contact {
  firstName: string;
  lastName: string;
  email: string;
  phone: string | null;
  status: 1 | 2;
  externalId: string | null;
}

/** The fields that a job sends. An absent field leaves the stored value. */
export type ContactFields = Partial<Contact>;

/** What a new contact needs, and what a contact is recognised by when no id is given. */
export const NAMES = ['firstName', 'lastName', 'email'] as const;
export type Names = Pick<Contact, (typeof NAMES)[number]>;

/** One job. */
export interface ContactRequest {
  id: number | undefined;
  /** Without an id: whether the contact of the same names and e-mail address is updated. */
  updatesExisting: boolean;
  fields: ContactFields;
}

/** The members of the params that are stored. The others are an id, an instruction, or ours to set. */
const STORED = new Set<string>([...NAMES, 'phone', 'status', 'externalId']);

export function requestOf(params: AddOrUpdateContact): ContactRequest {
  const { id, updateIfExists = false } = params;
  return {
    id: id === undefined ? undefined : Number(id),
    updatesExisting: updateIfExists,
    fields: Object.fromEntries(Object.entries(params).filter(([name]) => STORED.has(name))),
  };
}

export function hasAllNames<Fields extends ContactFields>(fields: Fields): fields is Fields & Names {
  return NAMES.every((name) => fields[name] !== undefined);
}
