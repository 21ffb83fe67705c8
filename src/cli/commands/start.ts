import type { Command } from 'commander';
import { NODE_FLAGS } from '../../config/node-flags.ts';
import { ownModule } from '../../domain/own-module.ts';
import { runNode, startEnvironment } from '../run-node.ts';

export function registerStart(program: Command): void {
  program
    .command('start')
    .description("start the server, with this folder's jobs/ and schemas/ beside the included actions")
    .action(() => runNode(NODE_FLAGS, ownModule('../../main', import.meta.url), [], startEnvironment()));
}
