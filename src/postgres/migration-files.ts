/** Migration files, and the checks against those that have run. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isIncidental, placeOf } from '../domain/files.ts';
import { StartError } from '../domain/start-error.ts';

export interface MigrationFile {
  /** The file's name without `.sql`. */
  name: string;
  number: bigint;
  /** The file's name in errors. */
  place: string;
  text: string;
  checksum: string;
}

export interface RunMigration {
  name: string;
  /** Checksum of the text that ran; null for one that ran before checksums existed. */
  checksum: string | null;
}

/** The library does not escape these characters in names. */
const FILE_NAME = /^(\d+)_[^'"\\]+\.sql$/;

/**
 * The migrations of a folder, in the order of their numbers. Throws StartError for any other file, except
 * documents, hidden files and editors' backups.
 */
export async function readMigrations(directory: string): Promise<MigrationFile[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const files = entries
    .filter(({ name }) => !isIncidental(name))
    .map(async (entry) => {
      const path = join(directory, entry.name);
      const [, number] = FILE_NAME.exec(entry.name) ?? [];
      if (entry.isDirectory() || number === undefined)
        throw new StartError(
          `${placeOf(path)}: a migration is a file like 001_tables.sql: digits, an underscore, a name, and .sql`,
        );
      const text = await readFile(path, 'utf8');
      return {
        name: entry.name.slice(0, -'.sql'.length),
        number: BigInt(number),
        place: placeOf(path),
        text,
        checksum: checksumOf(text),
      };
    });
  return (await Promise.all(files)).sort(byNumber);
}

/** On another machine Git may use other line ends. */
function checksumOf(text: string): string {
  return createHash('sha256').update(text.replaceAll('\r\n', '\n')).digest('hex');
}

function byNumber(one: MigrationFile, other: MigrationFile): number {
  if (one.number !== other.number) return one.number < other.number ? -1 : 1;
  return one.name < other.name ? -1 : 1;
}

/**
 * The migrations that have not run, and the names of those that only a later release of the plugin has: the
 * previous release keeps running beside it. Throws StartError, one line that names the file and says what to
 * do, when a migration that has run was changed, renamed or removed, or when a new one does not come after
 * all others.
 */
export function planMigrations(
  directory: string,
  files: readonly MigrationFile[],
  run: readonly RunMigration[],
): { pending: MigrationFile[]; later: string[] } {
  const pending = files.filter((file) => !run.some(({ name }) => name === file.name));
  const last = files.at(-1)?.number ?? -1n;
  const later: string[] = [];
  for (const migration of run) {
    const file = files.find(({ name }) => name === migration.name);
    if (!file && numberOf(migration.name) > last) later.push(migration.name);
    else if (!file) throw new StartError(missing(directory, migration, pending));
    else if (migration.checksum !== null && migration.checksum !== file.checksum)
      throw new StartError(
        `${file.place} has been changed since it ran in this database: restore it, and put the change into a new migration`,
      );
  }
  refuseOutOfOrder(pending, run);
  return { pending, later };
}

function missing(directory: string, { name, checksum }: RunMigration, pending: MigrationFile[]): string {
  const place = placeOf(join(directory, `${name}.sql`));
  const renamed = checksum === null ? undefined : pending.find((file) => file.checksum === checksum);
  if (renamed) return `${renamed.place} has run in this database as ${name}.sql: give it that name back`;
  return `${place} is missing, and has run in this database: restore it, and undo it in a new migration if need be`;
}

function refuseOutOfOrder(pending: readonly MigrationFile[], run: readonly RunMigration[]): void {
  let before = run
    .map(({ name }) => ({ name, number: numberOf(name), ran: ', which has run in this database' }))
    .reduce<{ name: string; number: bigint; ran: string } | undefined>(
      (last, next) => (last && last.number > next.number ? last : next),
      undefined,
    );
  for (const { name, number, place } of pending) {
    if (before && number <= before.number)
      throw new StartError(
        number === before.number
          ? `${place} has the same number as ${before.name}.sql${before.ran}: give it the next free number`
          : `${place} comes before ${before.name}.sql${before.ran}: give it a higher number`,
      );
    before = { name, number, ran: '' };
  }
}

function numberOf(name: string): bigint {
  return BigInt(/^\d+/.exec(name)?.[0] ?? 0);
}
