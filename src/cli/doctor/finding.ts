/** What the doctor has found out about one thing. */
export interface Finding {
  check: string;
  /** `note` is worth knowing, and not wrong. */
  state: 'ok' | 'note' | 'wrong';
  /** When it is wrong, also what to do. */
  text: string;
}

export function ok(check: string, text: string): Finding {
  return { check, state: 'ok', text };
}

export function note(check: string, text: string): Finding {
  return { check, state: 'note', text };
}

export function wrong(check: string, text: string): Finding {
  return { check, state: 'wrong', text };
}
