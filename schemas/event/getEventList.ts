import { type ListParams, listSchema } from '#schemas/lib/lists.ts';

/** What a filter may name, and how it compares. */
export const fields = {
  id: 'integer',
  code: 'text',
  title: 'text',
  externalEventId: 'text',
  startDateTime: 'date',
  endDateTime: 'date',
  numRegistered: 'integer',
  createdDate: 'date',
  modifiedDate: 'date',
} as const;

export const shortcuts = {
  afterDate: 'startDateTime__GREATERTHAN',
  beforeDate: 'endDateTime__LESSTHAN',
} as const;

// iVvy's .NET client always sends these. They may not be true, because such details are not kept here.
const notIncluded = { const: false } as const;

export const params = listSchema(fields, {
  shortcuts,
  properties: {
    includeVenueDetails: notIncluded,
    includeTicketDetails: notIncluded,
    includeInformationDetails: notIncluded,
    includeHomepageContent: notIncluded,
  },
});
export type GetEventList = ListParams;
