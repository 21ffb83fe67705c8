/**
 * The key, and the client that uses it. It is in sessionStorage: it survives a reload, another tab does not have it, and
 * it is gone with the tab.
 */
import { computed, signal } from '@preact/signals';
import { AuthenticationError, apiError, ConnectionError } from '../../client/errors.ts';
import { Batchwright } from '../../client/index.ts';
import { type ClientOptions, Transport } from '../../client/transport.ts';
import { serverUrl, watchedFetch } from './server.ts';

const STORED = 'batchwright.key';

export const key = signal(sessionStorage.getItem(STORED));
/** Why the key prompt is shown again. */
export const refusal = signal<string | null>(null);

export const client = computed(() => (key.value === null ? null : new Batchwright(optionsOf(key.value))));
/** For what the client has no method for. */
export const transport = computed(() => (key.value === null ? null : new Transport(optionsOf(key.value))));

function optionsOf(value: string): ClientOptions {
  return { url: serverUrl, key: value, maxRetries: 0, fetch: fetchOf(value) };
}

/** fetch of the signed-in page: a key that is no longer accepted leads back to the prompt. */
function fetchOf(value: string): typeof fetch {
  return async (input, init) => {
    const response = await watchedFetch(input, init);
    if (response.status === 401 && key.value === value)
      signOut('The server no longer accepts this key: it was revoked, or it has expired.');
    return response;
  };
}

/** Tries a key and keeps it. Returns the reason when the server refuses it. */
export async function signIn(value: string): Promise<string | null> {
  try {
    const tried = new Batchwright({ url: serverUrl, key: value, maxRetries: 0, fetch: watchedFetch });
    await tried.batches.list({ limit: 1 }).pages().next();
  } catch (error) {
    if (error instanceof AuthenticationError) return 'The server does not accept this key.';
    if (error instanceof TypeError) return 'A key has printable ASCII characters only.';
    return error instanceof Error ? error.message : String(error);
  }
  sessionStorage.setItem(STORED, value);
  refusal.value = null;
  key.value = value;
  return null;
}

/** @param reason shown in the key prompt; null when the user has asked for it */
export function signOut(reason: string | null): void {
  sessionStorage.removeItem(STORED);
  refusal.value = reason;
  key.value = null;
}

export interface Call {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  accept?: string;
  /** Sent as JSON. */
  json?: unknown;
  signal?: AbortSignal | undefined;
}

/**
 * A request that the client has no method for, or whose answer is needed as the text that it is.
 *
 * @param path below the server's address, with its query
 * @throws ApiError, or ConnectionError
 */
export async function send(
  path: string,
  { method = 'GET', accept, json, signal }: Call = {},
): Promise<Response> {
  const value = key.value ?? '';
  let response: Response;
  try {
    response = await fetchOf(value)(`${serverUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${value}`,
        ...(accept === undefined ? {} : { accept }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw new ConnectionError('The server cannot be reached', { cause: error });
  }
  if (!response.ok) throw apiError(response, await response.text());
  return response;
}

/** The parsed answer of a GET. Throws like `send`. */
export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await send(path, { signal })).json() as Promise<T>;
}
