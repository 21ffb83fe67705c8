/** A text as it is, whose invisible characters that turn the direction of reading are shown and turn nothing. */

/** Marks, embeddings, overrides and isolates of Unicode's bidirectional algorithm (UAX 9). */
const TURNING = /([\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069])/;
/** A browser needs seconds for many more elements. */
const MOST_SHOWN = 1000;
/** In place of those after them; `Copy` has the text itself. */
const REPLACEMENT = '\ufffd';

export function ExactText({ text }: { text: string }) {
  // Every second part is such a character.
  const parts = text.split(TURNING);
  const rest = parts.splice(MOST_SHOWN * 2);
  return (
    <>
      {parts.map((part, at) => (at % 2 === 0 ? part : <TurningCharacter key={at} character={part} />))}
      {rest.map((part, at) => (at % 2 === 0 ? part : REPLACEMENT)).join('')}
    </>
  );
}

/** It is alone in an element of its own, so that it has nothing to turn, and a selection that is copied has it. */
function TurningCharacter({ character }: { character: string }) {
  const code = `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
  return (
    <span class="turning" data-code={code} title={`The invisible character ${code}`}>
      {character}
    </span>
  );
}
