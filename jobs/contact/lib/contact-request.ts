import type { AddOrUpdateContact } from '#schemas/contact/addOrUpdateContact.ts';

/** What a contact is recognised by when no id is given. */
export interface Names {
  firstName: string;
  lastName: string;
  email: string;
}

/** The fields of a contact that a job may send. An absent field leaves the stored value. */
export interface ContactFields extends Partial<Names> {
  phone?: string | null;
  status?: 1 | 2;
  externalId?: string | null;
}

/** One job. */
export interface ContactRequest {
  id: number | undefined;
  /** Without an id: whether the contact of the same names and e-mail address is updated. */
  updatesExisting: boolean;
  fields: ContactFields;
}

/** The members of the params that are stored. The others are an id, an instruction, or ours to set. */
const STORED = new Set(['firstName', 'lastName', 'email', 'phone', 'status', 'externalId']);

export function requestOf(params: AddOrUpdateContact): ContactRequest {
  const { id, updateIfExists = false } = params;
  return {
    id: id === undefined ? undefined : Number(id),
    updatesExisting: updateIfExists,
    fields: Object.fromEntries(Object.entries(params).filter(([name]) => STORED.has(name))),
  };
}

export function hasAllNames(fields: ContactFields): fields is ContactFields & Names {
  return fields.firstName !== undefined && fields.lastName !== undefined && fields.email !== undefined;
}
