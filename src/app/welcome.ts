/** Announces that the server is ready: readable text on a terminal, otherwise a log line. */
import type { Logger } from 'pino';

export interface Welcome {
  /** The address that the server listens on. */
  url: string;
  /** Undefined when ADMIN_KEY gives the key; `fresh` when it was generated just now. */
  generatedKey: { key: string; file: string; fresh: boolean } | undefined;
}

const JOB =
  '{"namespace":"contact","action":"addOrUpdateContact",' +
  '"params":{"firstName":"Ada","lastName":"Lovelace","email":"ada@example.com"}}';

export function welcome(log: Logger, about: Welcome): void {
  if (process.stdout.isTTY) process.stdout.write(textFor(about));
  else logReady(log, about);
}

/**
 * The key itself is not logged: logs are stored, forwarded and read by others. The line ignores LOG_LEVEL:
 * with PORT=0 nothing else shows the address.
 */
function logReady(log: Logger, { url, generatedKey }: Welcome): void {
  const kept = generatedKey && { adminKeyFile: generatedKey.file, showAdminKey: showKey() };
  const line = { url, ...kept, tryNext: requestTo(url, generatedKey).join('\n') };
  log.child({}, { level: 'info' }).info(line, `Batchwright is ready at ${url}`);
}

function textFor({ url, generatedKey }: Welcome): string {
  const key = generatedKey?.fresh
    ? [`Your admin key, generated on this first start: ${generatedKey.key}`]
    : [`Show the admin key with: ${showKey()}`];
  const lines = [
    '',
    `Batchwright is ready at ${url}`,
    ...(generatedKey ? key : []),
    'Try next:',
    ...requestTo(url, generatedKey).map((line) => `  ${line}`),
    '',
  ];
  return `${lines.join('\n')}\n`;
}

function requestTo(url: string, generatedKey: Welcome['generatedKey']): string[] {
  const key = generatedKey ? `$(${showKey()})` : '$ADMIN_KEY';
  return [`curl -H "Authorization: Bearer ${key}" "${url}/batch?action=run" \\`, `  -d '{"jobs":[${JOB}]}'`];
}

function showKey(): string {
  const { DATA_DIR } = process.env;
  return `${DATA_DIR ? `DATA_DIR='${DATA_DIR}' ` : ''}npx batchwright keys admin`;
}
