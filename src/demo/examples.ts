/** The examples of the systems whose clients work here: `npm run demo -- tracx` runs `examples/tracx.ts`. */
import { readdir } from 'node:fs/promises';
import { nearestName } from '../domain/nearest-name.ts';
import { OWN_EXTENSION } from '../domain/own-module.ts';

export interface ExampleOptions {
  /** The product's address. */
  url: string;
  adminKey: string;
  /** A receiver of callbacks, which answers 204. */
  callbackUrl: string;
  /** Writes a line of the example's story. */
  print(line: string): void;
}

export type Example = (options: ExampleOptions) => Promise<void>;

const FOLDER = new URL('../../examples/', import.meta.url);

/** The message is for the user. */
export class UnknownExample extends Error {}

/** Throws UnknownExample that names the known examples for any other name. */
export async function exampleOf(name: string): Promise<Example> {
  const files = await readdir(FOLDER);
  const names = files
    .filter((file) => file.endsWith(OWN_EXTENSION))
    .map((file) => file.slice(0, -OWN_EXTENSION.length))
    .sort();
  if (!names.includes(name)) {
    const nearest = nearestName(name, names);
    const meant = nearest ? `did you mean ${nearest}?` : `the examples are ${names.join(', ')}`;
    throw new UnknownExample(`there is no example ${name}: ${meant}`);
  }
  const { run } = (await import(new URL(`${name}${OWN_EXTENSION}`, FOLDER).href)) as { run: Example };
  return run;
}
