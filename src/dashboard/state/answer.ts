/** What the server answers to a GET, as it changes. */
import { follow } from './live.ts';
import { type Resource, useSource } from './resource.ts';
import { send } from './session.ts';

export interface AnswerOptions<T> {
  /** Of the text of the answer; JSON.parse when absent. */
  parse?: (text: string) => T;
  /** False: it is asked for once. True when absent. */
  isLive?: boolean;
  /** True for an answer that will not change. */
  isLast?: (data: T) => boolean;
  /** With another one it is asked for again. */
  version?: string | undefined;
}

/** @param path with its query: a path that `/v1/events` sends the answers of, or a batch */
export function useAnswer<T>(
  path: string,
  { parse = JSON.parse, isLive = true, isLast = () => false, version = '' }: AnswerOptions<T> = {},
): Resource<T> {
  return useSource<T>({ name: path, version: `${isLive} ${version}` }, ({ onData, onError }, signal) => {
    if (!isLive) {
      void send(path, { signal })
        .then((answer) => answer.text())
        .then((text) => onData(parse(text)))
        .catch(onError);
      return;
    }
    const leave = new AbortController();
    signal.addEventListener('abort', () => leave.abort());
    const onText = (text: string) => {
      const data = parse(text);
      onData(data);
      if (isLast(data)) leave.abort();
    };
    follow(path, { onData: onText, onError }, leave.signal);
  });
}
