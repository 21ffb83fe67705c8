/** JSON as the text that it is: laid out without being parsed, so that no number is rounded and no name is lost. */

const SPACE = /[ \t\n\r]*/y;
const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"/sy;
/** Deeper levels are not indented further: the white space could be far longer than the text. */
const DEEPEST = 40;
const SCALAR = /[^\s,:[\]{}"]+/y;

/**
 * The same tokens on lines of their own, two blanks a level. A text that is not JSON is returned as it is.
 *
 * @param text valid JSON
 */
export function pretty(text: string): string {
  const parts: string[] = [];
  let depth = 0;
  let position = 0;
  const read = (pattern: RegExp): string => {
    pattern.lastIndex = position;
    const [found = ''] = pattern.exec(text) ?? [];
    position += found.length;
    return found;
  };
  const newLine = () => parts.push(`\n${'  '.repeat(Math.min(depth, DEEPEST))}`);
  for (read(SPACE); position < text.length; read(SPACE)) {
    const character = text[position] as string;
    if (character === '"') {
      const found = read(STRING);
      if (found === '') return text;
      parts.push(found);
      continue;
    }
    if (!'{}[],:'.includes(character)) {
      const found = read(SCALAR);
      if (found === '') return text;
      parts.push(found);
      continue;
    }
    position += 1;
    if (character === '{' || character === '[') {
      read(SPACE);
      const next = text[position];
      if (next === '}' || next === ']') {
        position += 1;
        parts.push(character + next);
        continue;
      }
      parts.push(character);
      depth += 1;
      newLine();
    } else if (character === '}' || character === ']') {
      depth = Math.max(0, depth - 1);
      newLine();
      parts.push(character);
    } else if (character === ',') {
      parts.push(',');
      newLine();
    } else parts.push(': ');
  }
  return parts.join('');
}
