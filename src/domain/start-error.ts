/** Something that stops the start and that whoever starts the server can mend; the message is one line. */
export class StartError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message.replaceAll(/\s*\n\s*/g, ' '), options);
    this.name = 'StartError';
  }
}
