/** A quoted field, or one without any character that must be quoted. */
const FIELD = /"((?:[^"]|"")*)"|([^",\r\n]*)/y;

/** The records of a text that keeps to RFC 4180, every line ended with CRLF. Throws where it does not. */
export function parseCsv(text: string): string[][] {
  const records: string[][] = [];
  for (let at = 0; at < text.length; ) {
    const record: string[] = [];
    do {
      if (record.length > 0) at++; // the comma
      FIELD.lastIndex = at;
      const [, quoted, plain = ''] = FIELD.exec(text) ?? [];
      record.push(quoted?.replaceAll('""', '"') ?? plain);
      at = FIELD.lastIndex;
    } while (text[at] === ',');
    if (!text.startsWith('\r\n', at))
      throw new Error(`no end of line after ${JSON.stringify(text.slice(Math.max(0, at - 40), at + 40))}`);
    records.push(record);
    at += 2;
  }
  return records;
}
