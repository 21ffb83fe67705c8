/** The text of a job. */

/** `namespace.action` in its parts. */
export interface ActionName {
  namespace: string;
  action: string;
}

/** A job as JSON. The params are JSON already: large numbers in it keep their digits. */
export function jobText({ namespace, action }: ActionName, params: string): string {
  const name = JSON.stringify({ namespace, action });
  return `${name.slice(0, -1)},"params":${params}}`;
}
