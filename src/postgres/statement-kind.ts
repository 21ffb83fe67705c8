/** Finds out from a statement's text what it may do to its connection. */

/**
 * Comments, strings, quoted names and function bodies, whose text does not count. One that is not closed
 * extends to the end of the text, so that a long text is read only once.
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

/** Words that may begin a statement that begins or ends a transaction. */
const TRANSACTION = /\b(?:begin|start|commit|end|abort|prepare|rollback)\b/i;
/** Savepoints are allowed: they neither begin nor end a transaction. */
const BEGINS_OR_ENDS =
  /^(?:begin|start\s+transaction|commit|end|abort|prepare\s+transaction|rollback(?!\s+(?:work\s+|transaction\s+)?to\b))\b/i;

/** True when the text has a statement that begins or ends a transaction. */
export function beginsOrEndsTransaction(text: string): boolean {
  return TRANSACTION.test(text) && statementsOf(text).some((statement) => BEGINS_OR_ENDS.test(statement));
}

const READS_OR_WRITES = /^(?:select|insert|update|delete|merge|values|table|with)\b/i;
/**
 * Functions and tables that persist in a session, and functions in a plugin's own schema, which may do
 * anything.
 */
const KEPT = /\b(?:set_config|pg_\w*advisory_\w*|temp|temporary|dblink\w*|setseed)\b|\w\s*\.\s*\w+\s*\(/i;
/** In `insert into schema.table (column)` the name is not a function. */
const INSERT = /\binto\s+[\w.]+\s*\(/gi;

/**
 * True when the text may leave something on its session: a setting, a temporary table, a lock, a channel.
 * Statements that read or write rows count only if they name such a thing or call a function with a schema.
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
