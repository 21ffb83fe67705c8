/** Content types for one JSON value per line; none is registered. */
export const LINES = [
  'application/x-ndjson',
  'application/ndjson',
  'application/jsonl',
  'application/x-jsonl',
  'application/jsonlines',
  'application/x-jsonlines',
  'application/json-lines',
  'application/x-json-lines',
  'application/x-ldjson',
];

/** A CSV file, alone or in a form. */
export const CSV_FORMS = ['text/csv', 'multipart/form-data'];
