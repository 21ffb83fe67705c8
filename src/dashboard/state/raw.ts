/** Members of JSON texts as they were sent: parsing would round large numbers. */
import { MemberReader, splitArray } from '../../json/split.ts';

/** The raw text of each member of the object, in the order of the names; undefined for one that is absent. */
export function membersOf(text: string, names: readonly string[]): (string | undefined)[] {
  const members = new MemberReader(`[${text}]`, names).at(0);
  return typeof members === 'string' ? names.map(() => undefined) : members;
}

/** More of a text is not visible in a row of a list. */
const EXCERPT = 240;

/** The beginning of a text, for a row of a list. */
export function excerpt(text: string): string {
  return text.length > EXCERPT ? `${text.slice(0, EXCERPT)}…` : text;
}

/** The raw texts of the entries of a page `{"data":[…],"nextCursor":…}`. */
export function entriesOf(page: string): string[] {
  const [data = '[]'] = membersOf(page, ['data']);
  return splitArray(data);
}
