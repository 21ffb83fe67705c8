/**
 * Starts an operation and waits until its statement was sent, not for its answer: statements that the caller
 * sends then come after it. Throws when the operation fails before that.
 */
export async function whenSent<T>(
  start: (onSent: () => void) => Promise<T>,
): Promise<{ answer: Promise<T> }> {
  const sent = Promise.withResolvers<void>();
  const answer = start(sent.resolve);
  await Promise.race([sent.promise, answer]);
  return { answer };
}
