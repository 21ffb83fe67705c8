/** What a page shows when it has nothing else: it is empty, it loads, or it failed. */
import type { ComponentChildren } from 'preact';
import { NotFoundError } from '../../client/errors.ts';
import type { Resource } from '../state/resource.ts';
import { isAway } from '../state/server.ts';
import { Button } from './button.tsx';
import { errorText } from './toasts.tsx';

export function Notice({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="notice">
      <h2>{title}</h2>
      {children && <div class="notice-text">{children}</div>}
    </div>
  );
}

interface LoadedProps<T> {
  resource: Resource<T>;
  /** What is not there when the server answers 404, such as `batch`. */
  what: string;
  children: (data: T) => ComponentChildren;
}

/** The data when it is there, or why it is not. An error beside older data is shown above it. */
export function Loaded<T>({ resource: { data, error, reload }, what, children }: LoadedProps<T>) {
  if (error instanceof NotFoundError)
    return (
      <Notice title={`There is no such ${what}`}>
        <p>It may have been deleted after its retention, or it belongs to another tenant than your key.</p>
      </Notice>
    );
  if (error && data === undefined)
    return (
      <Notice title={`The ${what} could not be loaded`}>
        <p>{errorText(error)}</p>
        <Button onPress={reload}>Try again</Button>
      </Notice>
    );
  if (data === undefined)
    return isAway.value ? null : (
      <div class="loading" role="status">
        Loading…
      </div>
    );
  return (
    <>
      {error && (
        <p class="inline-error" role="alert">
          {errorText(error)}{' '}
          <Button kind="plain" onPress={reload}>
            Try again
          </Button>
        </p>
      )}
      {children(data)}
    </>
  );
}
