/** A shorter key could be guessed. */
const MIN_LENGTH = 32;
/** The new key and the old one. */
const MAX_KEYS = 2;

/** What SECRET_KEY must be. */
export const SECRET_KEYS_ALLOWED = `${MIN_LENGTH} characters or more without a comma; or two such keys, the new and the old one, separated by a comma`;

/** The keys in a text, the one that encrypts first; null when the text is wrong. */
export function parseSecretKeys(text: string): readonly string[] | null {
  const parts = text.split(',');
  // A single key counts as it is, blanks included.
  const keys = parts.length === 1 ? parts : parts.map((part) => part.trim());
  const isRight = keys.length <= MAX_KEYS && new Set(keys).size === keys.length;
  return isRight && keys.every((key) => key.length >= MIN_LENGTH) ? Object.freeze(keys) : null;
}
