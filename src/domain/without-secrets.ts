/** Patterns of secrets in a text, and the replacement shown in log lines. */
const SECRETS: readonly [pattern: RegExp, shown: string][] = [
  // User info of a URL, then its query.
  [/(\/\/)[^\s/@]+@/g, '$1…@'],
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s?#"'<>]*)[?#][^\s"'<>]*/gi, '$1?…'],
  [/\b(bearer|basic)\s+[\w.~+/=-]+/gi, '$1 …'],
  [/\b(bw_|whsec_)[\w+/=-]+/g, '$1…'],
  [
    /\b(passw(?:or)?d|pwd|secret|token|api[-_ ]?key|authorization)(["']?\s*[:=]\s*["']?)[^\s"',;&)}]+/gi,
    '$1$2…',
  ],
];

const MAX_LENGTH = 300;
/** Longer texts are cut before the search. */
const MAX_INPUT = 10_000;

/** The text without anything that looks like a secret, shortened for a log line. */
export function withoutSecrets(text: string): string {
  let shown = text.slice(0, MAX_INPUT);
  for (const [pattern, mark] of SECRETS) shown = shown.replace(pattern, mark);
  return shown.length > MAX_LENGTH ? `${shown.slice(0, MAX_LENGTH)}…` : shown;
}
