/**
 * Downloads. The key is a header, which a link cannot send, and an address with a key in it would be logged and shared: so
 * the page fetches. Where the browser lets it write a file that the user has picked, the answer goes there as it
 * arrives; elsewhere the browser collects it in a blob, which it keeps on disk when it is large.
 */
import { send } from './session.ts';

interface FilePicker {
  showSaveFilePicker?: (options: { suggestedName: string }) => Promise<{
    createWritable(): Promise<WritableStream<Uint8Array>>;
  }>;
}

/**
 * Saves the answer of a GET as a file. Returns false when the user has not picked one.
 *
 * @param path below the server's address
 * @param accept the form, such as `text/csv`
 */
export async function download(path: string, accept: string, fileName: string): Promise<boolean> {
  const { showSaveFilePicker } = globalThis as FilePicker;
  if (!showSaveFilePicker) {
    saveBlob(await (await send(path, { accept })).blob(), fileName);
    return true;
  }
  let file: Awaited<ReturnType<typeof showSaveFilePicker>>;
  try {
    file = await showSaveFilePicker.call(globalThis, { suggestedName: fileName });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return false;
    throw error;
  }
  const { body } = await send(path, { accept });
  await body?.pipeTo(await file.createWritable());
  return true;
}

/** Saves what the page has. */
function saveBlob(blob: Blob, fileName: string): void {
  const url = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement('a'), { href: url, download: fileName });
  link.click();
  // The browser has begun by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
