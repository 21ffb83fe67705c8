/** SMTP_URL: the mail server, the sender, and the options in its query. */

export interface SmtpUrl {
  /** For nodemailer: without the sender. */
  url: string;
  from: string;
}

const DEFAULT_FROM = 'batchwright@localhost';
/** An address, or a name and then the address in angle brackets. */
const SENDER = /^([^\r\n<>]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$/;
/**
 * Nodemailer's options that are useful here, with their allowed values; nodemailer silently ignores others.
 */
const OPTIONS: Record<string, RegExp> = {
  from: SENDER,
  ...optionsOf(/^\S+$/, ['name', 'authMethod', 'localAddress']),
  ...optionsOf(/^(true|false)$/, ['requireTLS', 'ignoreTLS', 'opportunisticTLS', 'tls.rejectUnauthorized']),
  ...optionsOf(/^\S+$/, ['tls.servername', 'tls.minVersion', 'tls.maxVersion', 'tls.ciphers']),
  ...optionsOf(/^[1-9]\d{0,8}$/, ['maxConnections', 'maxMessages', 'rateDelta', 'rateLimit']),
  ...optionsOf(/^[1-9]\d{0,8}$/, ['connectionTimeout', 'dnsTimeout', 'greetingTimeout', 'socketTimeout']),
};

function optionsOf(values: RegExp, names: readonly string[]): Record<string, RegExp> {
  return Object.fromEntries(names.map((name) => [name, values]));
}

/** Throws an Error that says what is wrong, and repeats only names of options from the URL. */
export function parseSmtpUrl(text: string): SmtpUrl {
  const url = URL.parse(text);
  if (!url || !['smtp:', 'smtps:'].includes(url.protocol)) throw new Error('it is not such a URL');
  if (!url.hostname) throw new Error('the host is missing');
  if (url.port === '0') throw new Error('the port is 0');
  if (url.pathname.length > 1 || url.hash) throw new Error('it has a path or a fragment');
  for (const part of [url.hostname, url.username, url.password]) requireDecodable(part);
  for (const [name, value] of url.searchParams) {
    const values = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
    if (!values) throw new Error(`there is no option ${name}, but ${Object.keys(OPTIONS).join(', ')}`);
    if (!values.test(value)) throw new Error(`the option ${name} has a wrong value`);
  }
  const from = url.searchParams.get('from') ?? DEFAULT_FROM;
  url.searchParams.delete('from');
  return { url: url.href, from };
}

function requireDecodable(part: string): void {
  try {
    decodeURIComponent(part);
  } catch {
    throw new Error('a % must be written %25');
  }
}
