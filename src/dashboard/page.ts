/** What a page is: a file of `pages/` has one or more of them, and `pages/index.ts` lists them. */
import type { ComponentChild } from 'preact';
import type { IconName } from './components/icons.tsx';

export interface Page {
  /** Of the address, such as `/batches/:asyncId`; the values of `:names` are the props of the view. */
  path: string;
  /** Of the document. */
  title(values: Record<string, string>): string;
  /** Its entry in the navigation; absent for a page below another. */
  navigation?: { text: string; icon: IconName };
  /** The key that goes there after `g`, such as `b`. */
  shortcut?: string;
  /** A component; the values of the path are its props. A method, so that a page may name the values that it has. */
  View(values: Record<string, string>): ComponentChild;
}
