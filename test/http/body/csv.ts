/** The records of a text in the form of RFC 4180, every line ended with CRLF. Throws for any other text. */
export function parseCsv(text: string): string[][] {
  const records: string[][] = [];
  let at = 0;

  function field(): string {
    if (text[at] !== '"') return upTo(/[",\r\n]/g);
    const parts: string[] = [];
    do {
      at++; // the opening quote, or the second one of a pair
      parts.push(upTo(/"/g));
      at++;
    } while (text[at] === '"');
    return parts.join('"');
  }

  function upTo(mark: RegExp): string {
    mark.lastIndex = at;
    const start = at;
    at = mark.exec(text)?.index ?? text.length;
    return text.slice(start, at);
  }

  while (at < text.length) {
    const record = [field()];
    while (text[at] === ',') {
      at++;
      record.push(field());
    }
    if (!text.startsWith('\r\n', at))
      throw new Error(`no end of line before ${JSON.stringify(text.slice(at, at + 40))}`);
    records.push(record);
    at += 2;
  }
  return records;
}
