import type { Command } from 'commander';
import { ownModule } from '../../domain/own-module.ts';
import { runNode } from '../run-node.ts';

export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description('show a batch from its jobs to its callback, on free ports; it leaves nothing behind')
    .argument('[example]', 'the client of another system: ivvy, tracx, redjade or os1')
    .action((example?: string) =>
      runNode([], ownModule('../../demo/demo', import.meta.url), example === undefined ? [] : [example]),
    );
}
