/** The configuration as options of `createBatchwright`: each variable in camel case, with a value of its own type. */
import { notKnown } from '../domain/unknown-name.ts';
import { ConfigError } from './config.ts';
import { variables } from './variables.ts';

type Variables = typeof variables;
/** A list is an array or a text with commas. */
type OptionOf<Value> = Value extends string | number
  ? Value
  : Value extends false
    ? false
    : Value extends readonly (infer Element)[]
      ? string | readonly Element[]
      : string | readonly string[];

/** `role` worker and its port are for processes of their own. */
type InProgram = Exclude<keyof Variables, 'role' | 'metricsPort'>;

/** An option that is absent, or undefined, has the default of its variable (docs/configuration.md). */
export type ConfigOptions = {
  readonly [Name in InProgram]?: OptionOf<ReturnType<Variables[Name]['parse']>> | undefined;
} & {
  /** `all` forks workers; `api` leaves the jobs to workers elsewhere. */
  readonly role?: 'all' | 'api' | undefined;
};

const names = Object.keys(variables).filter((name) => name !== 'metricsPort');
const optionOf = new Map(Object.entries(variables).map(([option, { name }]) => [name, option]));
const VARIABLE = new RegExp(`(?<![\\w$])(${[...optionOf.keys()].join('|')})(?![\\w$])`, 'g');

/**
 * The variables that say the same as the options. Throws ConfigError for an unknown option and for a value that has no
 * text.
 */
export function environmentOf(options: ConfigOptions): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [option, value] of Object.entries(options)) {
    if (!names.includes(option)) throw new ConfigError(`the option ${option}${notKnown(option, names)}`);
    if (value === undefined) continue;
    env[variables[option as keyof Variables].name] = textOf(option, value);
  }
  if (env.ROLE === 'worker')
    throw new ConfigError('role=worker is not allowed: it must be one of all, api; workers are processes');
  return env;
}

/** An environment without any variable of the configuration. */
export function withoutVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !optionOf.has(name)));
}

/** An error's text about variables, as one about the options. */
export function inOptionNames(message: string): string {
  return message.replaceAll(VARIABLE, (name) => optionOf.get(name) ?? name);
}

function textOf(option: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (value === false) return 'off';
  if (Array.isArray(value) && value.every((part) => ['string', 'number'].includes(typeof part)))
    return value.join(',');
  const kind = value === null ? 'null' : Array.isArray(value) ? 'an array of other values' : typeof value;
  throw new ConfigError(`${option} must be a text, a number or an array of them, not ${kind}`);
}
