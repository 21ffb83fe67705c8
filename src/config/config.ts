/** Reads and checks the environment once; `docs/configuration.md` explains each variable. */
import { StartError } from '../domain/start-error.ts';
import { NotAllowed } from './parsers.ts';
import { type Variable, variables } from './variables.ts';

type Variables = typeof variables;

/** A member is undefined only when its variable is unset and has no default. */
export type Config = {
  readonly [Member in keyof Variables]:
    | ReturnType<Variables[Member]['parse']>
    | (Variables[Member] extends { default: unknown } ? never : undefined);
};

/** A variable has a wrong value; the message names the variable, the value and what is allowed. */
export class ConfigError extends StartError {}

/** Throws ConfigError for the first wrong value. An empty variable counts as unset, except for allow lists. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const values = Object.entries<Variable>(variables).map(([member, variable]) => [
    member,
    readVariable(variable, env),
  ]);
  const config = Object.freeze(Object.fromEntries(values)) as Config;
  if (config.databaseDirectUrl !== undefined && config.databaseUrl === undefined)
    throw new ConfigError(
      'DATABASE_DIRECT_URL needs DATABASE_URL: it is the way to the same database past a pooler',
    );
  if (config.role === 'worker' && config.databaseUrl === undefined)
    throw new ConfigError(
      'ROLE=worker needs DATABASE_URL: the embedded database belongs to ROLE all and api',
    );
  return config;
}

/**
 * One variable, whatever the others are: for commands that need no server of their own. Throws ConfigError for a wrong
 * value.
 */
export function readSetting<Member extends keyof Variables>(
  member: Member,
  env: NodeJS.ProcessEnv = process.env,
): Config[Member] {
  return readVariable(variables[member], env) as Config[Member];
}

function readVariable(variable: Variable, env: NodeJS.ProcessEnv): unknown {
  const { name, parse, emptyIsValue, isSecret } = variable;
  const given = env[name] === '' && !emptyIsValue ? undefined : env[name];
  const text = given ?? defaultOf(variable, env);
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof NotAllowed)) throw error;
    // A URL that must not have a password may still contain one.
    const shown = isSecret || text.includes('@') ? hidden(text) : text;
    throw new ConfigError(`${name}=${shown} is not allowed: it must be ${error.message}`);
  }
}

function defaultOf({ default: text }: Variable, env: NodeJS.ProcessEnv): string | undefined {
  return typeof text === 'function' ? text(env) : text;
}

/** The line is written to a log. */
function hidden(secret: string): string {
  return `(${secret.length} characters, not shown)`;
}
