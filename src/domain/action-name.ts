/** The rules of names, for the loader of plugins and the commands that write them. */

const NAME = /^[A-Za-z][A-Za-z0-9_]{0,62}$/;
const NAME_RULE = 'it must be letters, digits and _, begin with a letter and have 63 characters at most';
/** Schemas that Postgres, the queue or Batchwright own, and the RPC namespace of the batch itself. */
const RESERVED = /^(batch|batchwright|pgboss|public|pg_.*|information_schema)$/i;

/** Why a namespace cannot have this name; undefined when it can. */
export function wrongNamespace(name: string): string | undefined {
  if (RESERVED.test(name)) return `the namespace "${name}" is reserved`;
  if (!NAME.test(name)) return `the namespace "${name}" is not allowed: ${NAME_RULE}`;
  return undefined;
}

/** Why an action cannot have this name; undefined when it can. */
export function wrongActionName(name: string): string | undefined {
  return NAME.test(name) ? undefined : `"${name}" is not a valid name of an action: ${NAME_RULE}`;
}
