/** What a foreign statement may do to its connection, as far as its text tells. */

/**
 * Comments, strings, quoted names and function bodies: what stands in them is none of the statement's words. Each
 * goes to the end of the text when it is not closed, so that a long text is gone through once.
 */
const OPAQUE = new RegExp(
  [
    /--[^\n]*/,
    /\/\*[\s\S]*?(?:\*\/|$)/,
    /\be'[^'\\]*(?:(?:\\[\s\S]|'')[^'\\]*)*(?:'|$)/,
    /'[^']*(?:''[^']*)*(?:'|$)/,
    /(?<name>"[^"]*(?:""[^"]*)*(?:"|$))/,
    /(?<tag>\$(?:[a-z_]\w*)?\$)[\s\S]*?(?:\k<tag>|$)/,
    /\bbegin\s+atomic\b[\s\S]*/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'gi',
);

/** May begin a statement that begins or ends a transaction. */
const TRANSACTION = /\b(?:begin|start|commit|end|abort|prepare|rollback)\b/i;
/** Savepoints are the statement's own business: they neither begin nor end a transaction. */
const BEGINS_OR_ENDS =
  /^(?:begin|start\s+transaction|commit|end|abort|prepare\s+transaction|rollback(?!\s+(?:work\s+|transaction\s+)?to\b))\b/i;

/** True when the text has a statement that begins or ends a transaction. */
export function beginsOrEndsTransaction(text: string): boolean {
  return TRANSACTION.test(text) && statementsOf(text).some((statement) => BEGINS_OR_ENDS.test(statement));
}

const READS_OR_WRITES = /^(?:select|insert|update|delete|merge|values|table|with)\b/i;
/** Functions and tables that a session keeps, and functions of a plugin's own, which may do anything. */
const KEPT = /\b(?:set_config|pg_\w*advisory_\w*|temp|temporary|dblink\w*|setseed)\b|\w\s*\.\s*\w+\s*\(/i;
/** `insert into schema.table (column)` is no function. */
const INSERT = /\binto\s+[\w.]+\s*\(/gi;

/**
 * True when the text may leave something on its session: a setting, a temporary table, a lock, a channel. Of a
 * statement that reads or writes rows that is not assumed, unless it says so or calls a function with a schema.
 */
export function mayChangeSession(text: string): boolean {
  return statementsOf(text).some(
    (statement) => !READS_OR_WRITES.test(statement) || KEPT.test(statement.replace(INSERT, '')),
  );
}

function statementsOf(text: string): string[] {
  return String(text)
    .replace(OPAQUE, (_match, name) => (name === undefined ? ' ' : 'name'))
    .split(';')
    .map((statement) => statement.replace(/^[\s(]+/, ''))
    .filter(Boolean);
}
