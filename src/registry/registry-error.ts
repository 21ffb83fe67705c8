/** Something is wrong with a plugin file; the message is one line that names it. Stops the start. */
export class RegistryError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message.replaceAll(/\s*\n\s*/g, ' '), options);
    this.name = 'RegistryError';
  }
}
