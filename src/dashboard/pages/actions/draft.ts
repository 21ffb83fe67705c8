/** The params that somebody writes: as a text and as a value, always in step. */
import { useState } from 'preact/hooks';
import { parseRaw } from '../../../json/raw-numbers.ts';
import { pretty } from '../../state/json-text.ts';

export interface Draft {
  /** What is sent. */
  text: string;
  /** Of the text; of the last text that was JSON while `problem` says why this one is not. */
  value: unknown;
  problem: string | null;
  /** Changes when the text is written by hand: a form then begins anew. */
  revision: number;
  setText(text: string): void;
  setValue(value: unknown): void;
}

interface State {
  text: string;
  value: unknown;
  problem: string | null;
  revision: number;
}

/** @param first JSON: the text at the beginning */
export function useDraft(first: string): Draft {
  const [state, setState] = useState(() => stateOf(pretty(first), undefined, 0));
  return {
    ...state,
    setText: (text) => setState(stateOf(text, state.value, state.revision + 1)),
    setValue: (value) =>
      setState({ ...state, value, text: JSON.stringify(value, null, 2) ?? '', problem: null }),
  };
}

function stateOf(text: string, known: unknown, revision: number): State {
  try {
    return { text, value: parseRaw(text), problem: null, revision };
  } catch (error) {
    return { text, value: known, problem: (error as Error).message, revision };
  }
}
