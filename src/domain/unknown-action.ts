/** The error text for an action that does not exist. */
import { nearestName } from './nearest-name.ts';

/** A longer name is cut. */
const MAX_SHOWN = 100;
/** Wrong names of one request that are compared with all actions: each may take a tenth of a millisecond. */
const MAX_COMPARED = 100;

/** The sentence `There is no action test.ecco: did you mean test.echo?`, or without the question when no name is near. */
export function noSuchAction(name: string, names: readonly string[]): string {
  return `There is no action ${shortened(name)}${question(name, names)}`;
}

/** The same, within a sentence, for the jobs of a request, which may name a hundred thousand: later ones get no question. */
export class UnknownActions {
  readonly #names: () => readonly string[];
  readonly #questions = new Map<string, string>();

  /** @param names the names of all actions, asked for when a wrong one comes */
  constructor(names: () => readonly string[]) {
    this.#names = names;
  }

  textOf(name: string): string {
    return `there is no action ${shortened(name)}${this.#questionOf(name)}`;
  }

  #questionOf(name: string): string {
    const known = this.#questions.get(name);
    if (known !== undefined) return known;
    if (this.#questions.size >= MAX_COMPARED) return '';
    const asked = question(name, this.#names());
    this.#questions.set(name, asked);
    return asked;
  }
}

/** Within a namespace that exists only its own actions are compared. */
function question(name: string, names: readonly string[]): string {
  const [, namespace = '', action = ''] = /^([^.]*\.)(.*)$/s.exec(name) ?? [];
  const siblings = names.filter((known) => known.startsWith(namespace));
  const isKnown = namespace !== '' && siblings.length > 0;
  const nearest = isKnown
    ? nearestName(
        action,
        siblings.map((known) => known.slice(namespace.length)),
      )
    : nearestName(name, names);
  return nearest === undefined ? '' : `: did you mean ${isKnown ? namespace : ''}${nearest}?`;
}

function shortened(name: string): string {
  return name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}…` : name;
}
