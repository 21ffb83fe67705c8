/** What can follow the words of a command line, for the completion of shells. */
import type { Command, Option } from 'commander';

interface Suggestion {
  name: string;
  description: string;
}

/** The shell suggests files. */
export const FILES = Symbol('files');

/**
 * @param words the complete words after the program's name
 * @param last the beginning of the word that is completed
 */
export function suggestions(
  program: Command,
  words: readonly string[],
  last: string,
): readonly Suggestion[] | typeof FILES {
  const { command, place, open } = walk(program, words);
  if (open) return open.argChoices ? named(open.argChoices, last) : FILES;
  const help = command.createHelp();
  if (last.startsWith('-'))
    return beginning(
      help.visibleOptions(command).map(({ long, short, description }) => ({
        name: long ?? short ?? '',
        description,
      })),
      last,
    );
  const commands = help.visibleCommands(command);
  if (commands.length > 0)
    return beginning(
      commands.map((one) => ({ name: one.name(), description: one.description() })),
      last,
    );
  const choices = command.registeredArguments[place]?.argChoices;
  return choices ? named(choices, last) : FILES;
}

/** The command that the words name, the number of its arguments, and the option whose value is missing. */
function walk(
  program: Command,
  words: readonly string[],
): { command: Command; place: number; open: Option | undefined } {
  let command = program;
  let place = 0;
  let open: Option | undefined;
  for (const word of words) {
    if (open) open = undefined;
    else if (word.startsWith('-')) open = valueOption(command, word);
    else {
      const next = command.commands.find((one) => one.name() === word);
      if (next) command = next;
      else place++;
    }
  }
  return { command, place, open };
}

function valueOption(command: Command, word: string): Option | undefined {
  return command.options.find(
    (option) => (option.long === word || option.short === word) && (option.required || option.optional),
  );
}

function named(choices: readonly string[], last: string): Suggestion[] {
  return beginning(
    choices.map((name) => ({ name, description: '' })),
    last,
  );
}

function beginning(all: readonly Suggestion[], last: string): Suggestion[] {
  return all.filter(({ name }) => name.startsWith(last));
}
