/** Secrets that the first start generates. Each is stored in a file of its own. */
import { randomBytes } from 'node:crypto';
import { link, readFile, unlink, writeFile } from 'node:fs/promises';

/** Returns the secret in the file, which the first call generates. Throws for an invalid one. */
export async function findOrGenerate(
  file: string,
  isValid: (text: string) => boolean,
  generate: () => string,
): Promise<{ secret: string; fresh: boolean }> {
  const kept = await findSecret(file, isValid);
  if (kept !== null) return { secret: kept, fresh: false };
  const secret = generate();
  const fresh = await keep(file, secret);
  return { secret: fresh ? secret : ((await findSecret(file, isValid)) ?? ''), fresh };
}

/**
 * Null when there is no such file; throws for an invalid secret, because an empty or short one can be guessed.
 */
export async function findSecret(file: string, isValid: (text: string) => boolean): Promise<string | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const secret = text.trim();
  if (!isValid(secret))
    throw new Error(
      `${file} ${secret === '' ? 'is empty' : 'does not contain a key'}: restore it, or remove it to have a new key generated`,
    );
  return secret;
}

/**
 * False when a secret is already stored. When two processes start at once, one generates the secret, and the
 * link makes the complete file appear: the other never reads half of it. The file is flushed, because data
 * encrypted with a lost key is lost too.
 */
async function keep(file: string, secret: string): Promise<boolean> {
  const draft = `${file}.${randomBytes(4).toString('hex')}`;
  await writeFile(draft, `${secret}\n`, { mode: 0o600, flush: true });
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(draft);
  }
}
