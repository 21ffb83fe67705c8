import type { Command } from 'commander';
import type { CallbackSecrets } from '../../client/index.ts';
import { formatOption, ONE_FORMATS, type OneFormat } from '../options.ts';
import { printOne } from '../print-rows.ts';
import { type ServerOptions, withServer, withServerOptions } from '../server.ts';
import type { Column } from '../table.ts';
import type { Terminal } from '../terminal.ts';

interface SecretsOptions extends ServerOptions {
  format: OneFormat;
}

const fields: readonly Column<CallbackSecrets>[] = [
  { title: 'secret', value: ({ secret }) => secret },
  {
    title: 'replaced',
    value: ({ previous }) =>
      previous
        .map(({ secret, endsAt }) => `${secret}${endsAt === null ? '' : ` until ${endsAt}`}`)
        .join(', ') || undefined,
  },
];

export function registerSecrets(program: Command, terminal: Terminal): void {
  const secrets = program
    .command('secrets')
    .description('the secret that signs the callbacks of your tenant')
    .helpCommand(false);
  withServerOptions(secrets.command('show'))
    .description('print the secret, and those that it has replaced lately')
    .addOption(formatOption(ONE_FORMATS))
    .action((options: SecretsOptions) =>
      withServer(terminal, options, async (client) =>
        printOne(terminal, options.format, fields, await client.callbackSecrets()),
      ),
    );
  withServerOptions(secrets.command('rotate'))
    .description('make a new secret; the old one signs beside it for 24 h')
    .addOption(formatOption(ONE_FORMATS))
    .action((options: SecretsOptions) =>
      withServer(terminal, options, async (client) =>
        printOne(terminal, options.format, fields, await client.rotateCallbackSecret()),
      ),
    );
}
