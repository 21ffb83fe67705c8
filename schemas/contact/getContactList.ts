import { type ListParams, listSchema } from '#schemas/lib/lists.ts';

/** What a filter may name, and how it compares. */
export const fields = {
  id: 'integer',
  firstName: 'text',
  lastName: 'text',
  email: 'text',
  phone: 'text',
  status: 'integer',
  externalId: 'text',
  createdDate: 'date',
  modifiedDate: 'date',
} as const;

export const shortcuts = {
  fromModifiedDate: 'modifiedDate__GREATERTHAN',
  toModifiedDate: 'modifiedDate__LESSTHAN',
} as const;

export const params = listSchema(fields, { shortcuts });
export type GetContactList = ListParams;
