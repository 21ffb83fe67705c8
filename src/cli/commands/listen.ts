import { type Command, InvalidArgumentError } from 'commander';
import { isCallbackSecret } from '../../outbound/signature.ts';
import { UsageError } from '../exit.ts';
import { receiveCallbacks } from '../listen/receiver.ts';
import { count } from '../options.ts';
import { type ServerOptions, withServer, withServerOptions } from '../server.ts';
import type { Terminal } from '../terminal.ts';

interface ListenOptions extends ServerOptions {
  port: number;
  secret?: string[];
  count?: number;
}

export function registerListen(program: Command, terminal: Terminal): void {
  withServerOptions(program.command('listen'))
    .description('receive callbacks on this machine: print each whose signature holds')
    .option('--port <number>', 'port to listen on; 0 picks a free one', port, 4000)
    .option(
      '--secret <whsec...>',
      'secrets that may have signed (or CALLBACK_SECRET; else asked from the server)',
    )
    .option('--count <number>', 'end after so many genuine callbacks', count)
    .action(async (options: ListenOptions) => {
      const secrets = await secretsFor(terminal, options);
      await receiveCallbacks(terminal, { port: options.port, secrets, count: options.count });
    });
}

async function secretsFor(terminal: Terminal, options: ListenOptions): Promise<string[]> {
  const fromEnvironment = terminal.env.CALLBACK_SECRET?.split(',').filter(Boolean) ?? [];
  const given = options.secret ?? fromEnvironment;
  const wrong = given.find((secret) => !isCallbackSecret(secret));
  if (wrong !== undefined)
    throw new UsageError(
      'a secret must be whsec_ and 24 to 64 bytes in base64; batchwright secrets show prints it',
    );
  if (given.length > 0) return given;
  return withServer(terminal, options, async (client) => {
    const { secret, previous } = await client.callbackSecrets();
    return [secret, ...previous.map((replaced) => replaced.secret)];
  });
}

function port(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 0 to 65535.');
}
