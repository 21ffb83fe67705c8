import { StartError } from '../domain/start-error.ts';

/** Something is wrong with a plugin file; the message is one line that names it. Stops the start. */
export class RegistryError extends StartError {}
