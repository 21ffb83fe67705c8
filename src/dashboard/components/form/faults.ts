/** The server's messages about params, by their place. */

/** What follows the place of the job's params, such as `.event must be integer`. */
export type Faults = readonly string[];

const PARAMS = 'jobs[0].params';

/** Of the messages about a batch with one job, those about places in its params. */
export function faultsOf(messages: readonly string[]): Faults {
  return messages.filter((text) => text.startsWith(PARAMS)).map((text) => text.slice(PARAMS.length));
}

/** The rules that the value at the path breaks. */
export function faultsAt(faults: Faults, path: string): string[] {
  return faults
    .filter((text) => text.startsWith(`${path} `) || text.startsWith(`${path}: `))
    .map((text) => text.slice(path.length).replace(/^:? /, ''));
}

/** The path of a member or element, in the notation of the server. */
export function pathOf(parent: string, name: string | number): string {
  return /^\d+$/.test(String(name)) ? `${parent}[${name}]` : `${parent}.${name}`;
}
