/** A part of a page that depends on what its key may do. */
import type { ComponentChildren } from 'preact';
import { type OwnKey, useOwnKeyResource } from '../state/own-key.ts';
import { Loaded } from './notice.tsx';

export function WithOwnKey({ children }: { children: (own: OwnKey) => ComponentChildren }) {
  const own = useOwnKeyResource();
  return (
    <Loaded resource={own} what="key of this page">
      {(data) => data && children(data)}
    </Loaded>
  );
}
