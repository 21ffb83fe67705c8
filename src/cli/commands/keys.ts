import type { Command } from 'commander';
import type { Key } from '../../client/index.ts';
import { readConfig } from '../../config/config.ts';
import { findAdminKey } from '../../config/generated-keys.ts';
import { formatOption, ONE_FORMATS, type OneFormat, ROW_FORMATS, type RowFormat } from '../options.ts';
import { printOne, printRows } from '../print-rows.ts';
import { type ServerOptions, withServer, withServerOptions } from '../server.ts';
import { print } from '../standard-output.ts';
import type { Column } from '../table.ts';
import type { Terminal } from '../terminal.ts';

interface CreateOptions extends ServerOptions {
  permission: string[];
  tenant?: string;
  expiresAt?: string;
  signing?: true;
  format: OneFormat;
}

const columns: readonly Column<Key>[] = [
  { title: 'id', value: ({ id }) => id },
  { title: 'name', value: ({ name }) => name },
  { title: 'tenant', value: ({ tenant }) => tenant },
  { title: 'permissions', value: ({ permissions }) => permissions.join(' ') },
  { title: 'created', value: ({ createdAt }) => createdAt },
  { title: 'last used', value: ({ lastUsedAt }) => lastUsedAt },
  { title: 'expires', value: ({ expiresAt }) => expiresAt },
];
const newKeyFields: readonly Column<Key & { key: string; secret?: string }>[] = [
  { title: 'key', value: ({ key }) => key },
  { title: 'secret', value: ({ secret }) => secret },
  ...columns,
];

export function registerKeys(program: Command, terminal: Terminal): void {
  const keys = program.command('keys').description('API keys').helpCommand(false);
  keys
    .command('admin')
    .description('print the admin key of this data directory (DATA_DIR) or of ADMIN_KEY')
    .action(() => adminKey(terminal));
  withServerOptions(keys.command('create <name>'))
    .description('make a key; it is shown once')
    .requiredOption(
      '--permission <pattern...>',
      "what it may do: participants.storeMultiple, 'participants.*', '*', admin",
    )
    .option('--tenant <tenant>', 'tenant of the key, else your own')
    .option('--expires-at <time>', 'when it ends, such as 2030-12-31T23:59:59Z')
    .option('--signing', 'with a secret, for clients that sign their requests')
    .addOption(formatOption(ONE_FORMATS))
    .action((name: string, options: CreateOptions) => createKey(terminal, name, options));
  withServerOptions(keys.command('list'))
    .description('list the keys of your tenant')
    .addOption(formatOption(ROW_FORMATS))
    .action((options: ServerOptions & { format: RowFormat }) =>
      withServer(terminal, options, async (client) =>
        printRows(terminal, options.format, columns, await client.keys.list()),
      ),
    );
  withServerOptions(keys.command('revoke <id>'))
    .description('end a key, within 5 s')
    .action((id: string, options: ServerOptions) =>
      withServer(terminal, options, async (client) => {
        await client.keys.revoke(id);
        terminal.stderr.write(`The key ${id} is revoked.\n`);
      }),
    );
}

async function createKey(terminal: Terminal, name: string, options: CreateOptions): Promise<void> {
  const { permission: permissions, tenant, expiresAt, signing, format } = options;
  await withServer(terminal, options, async (client) => {
    const made = await client.keys.create({
      name,
      permissions,
      ...(tenant === undefined ? {} : { tenant }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...(signing ? { signing: 'IWS' } : {}),
    });
    await printOne(terminal, format, newKeyFields, made);
  });
}

/** Throws when the data directory has no key, because the server was never started there. */
async function adminKey(terminal: Terminal): Promise<void> {
  const config = readConfig(terminal.env);
  const key = await findAdminKey(config);
  if (key === null)
    throw new Error(
      `there is no admin key in ${config.dataDir}: start the server there first, or set ADMIN_KEY`,
    );
  await print(terminal, `${key}\n`);
}
