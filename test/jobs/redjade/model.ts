/** What an action does, as a plain model in memory: README.md of jobs/redjade in code. */
import type { Options } from '../../../jobs/redjade/lib/options.ts';

export interface Person {
  external_id?: string;
  email?: string;
  first_name?: string;
  last_name?: string;
  locale?: string;
  demographics?: Record<string, string | number | boolean>;
}

export interface State {
  participants: Person[];
  categories: string[];
}

interface ModelRow {
  sent: Person;
  isValid: boolean;
}

export interface Applied extends State {
  status: 'completed' | 'failed';
  successCount: number;
}

/** The state after an action. */
export function applied(before: State, rows: readonly ModelRow[], options: Options): Applied {
  const failed: Applied = { ...before, status: 'failed', successCount: 0 };
  const matches = rows.map(({ sent }) => matchOf(before.participants, sent));
  const isDuplicate = rows.map((row, n) =>
    rows.slice(0, n).some((earlier, m) => {
      if (!row.isValid || !earlier.isValid) return false;
      return sameIdentity(row.sent, earlier.sent) || (matches[n] !== undefined && matches[n] === matches[m]);
    }),
  );
  if (rows.some(({ isValid }) => !isValid) && !options.skip_invalid) return failed;
  if (isDuplicate.includes(true) && !options.skip_duplicate_identity_matches) return failed;

  const participants = new Map(before.participants.map((person) => [person, { ...person }]));
  const categories = new Set(before.categories);
  if (options.destroy_unmatched_participants)
    for (const person of before.participants) if (!matches.includes(person)) participants.delete(person);

  let successCount = 0;
  for (const [n, { sent, isValid }] of rows.entries()) {
    if (!isValid || isDuplicate[n]) continue;
    const match = matches[n];
    if (!match && options.only_demographics) continue;
    successCount++;
    const { demographics = {}, ...fields } = sent;
    const person: Person = match ? (participants.get(match) as Person) : {};
    if (!options.only_demographics) Object.assign(person, fields);
    person.demographics = { ...(options.destroy_existing_demographics ? {} : person.demographics) };
    for (const [category, value] of Object.entries(demographics)) {
      if (options.save_missing_categories) categories.add(category);
      if (categories.has(category)) person.demographics[category] = value;
    }
    if (!match) participants.set(sent, person);
  }
  return {
    status: 'completed',
    successCount,
    participants: [...participants.values()],
    categories: [...categories].sort(),
  };
}

/** By external_id, else by e-mail. */
function matchOf(participants: readonly Person[], sent: Person): Person | undefined {
  return (
    participants.find(({ external_id }) => external_id !== undefined && external_id === sent.external_id) ??
    participants.find((person) => sameEmail(person, sent))
  );
}

function sameIdentity(one: Person, other: Person): boolean {
  return (one.external_id !== undefined && one.external_id === other.external_id) || sameEmail(one, other);
}

function sameEmail({ email: one }: Person, { email: other }: Person): boolean {
  return one !== undefined && other !== undefined && one.toLowerCase() === other.toLowerCase();
}
