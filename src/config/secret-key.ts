/** A shorter key could be guessed. */
export const MIN_SECRET_KEY_LENGTH = 32;

export function isSecretKey(key: string): boolean {
  return key.length >= MIN_SECRET_KEY_LENGTH;
}
