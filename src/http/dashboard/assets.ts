/** The parts of the page, compressed once, under names that change with their content. */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { loadBundle } from './bundle.ts';

export interface Asset {
  type: 'text/javascript' | 'text/css';
  plain: Uint8Array;
  br: Uint8Array;
  gzip: Uint8Array;
}

export interface Assets {
  script: string;
  style: string;
  byName: ReadonlyMap<string, Asset>;
}

const compressBrotli = promisify(brotliCompress);
const compressGzip = promisify(gzip);

/** A function that loads the assets at its first call, and again after a failure. */
export function createAssets(): () => Promise<Assets> {
  let loaded: Promise<Assets> | undefined;
  return () => {
    loaded ??= loadAssets().catch((error) => {
      loaded = undefined;
      throw error;
    });
    return loaded;
  };
}

async function loadAssets(): Promise<Assets> {
  const bundle = await loadBundle();
  const script = `${hashOf(bundle.script)}.js`;
  const style = `${hashOf(bundle.style)}.css`;
  const [scriptAsset, styleAsset] = await Promise.all([
    compressed('text/javascript', bundle.script),
    compressed('text/css', bundle.style),
  ]);
  return {
    script,
    style,
    byName: new Map([
      [script, scriptAsset],
      [style, styleAsset],
    ]),
  };
}

async function compressed(type: Asset['type'], plain: Uint8Array): Promise<Asset> {
  // The best quality takes ten times as long for a tenth of the size.
  const params = { [constants.BROTLI_PARAM_QUALITY]: 9 };
  const [br, zipped] = await Promise.all([compressBrotli(plain, { params }), compressGzip(plain)]);
  return { type, plain, br, gzip: zipped };
}

function hashOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 16);
}
