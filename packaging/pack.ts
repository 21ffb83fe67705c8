/**
 * What npm runs around `npm pack` and `npm publish`, in package.json: `before` builds and makes the manifest the package's,
 * `after-pack` and `after-publish` bring the clone's back. `exec` in the scripts makes npm the parent of this process.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, ROOT } from './build.ts';
import { type Manifest, packedManifest } from './manifest.ts';
import { restore, swap } from './manifest-swap.ts';

const [step] = process.argv.slice(2);
const npmPid = process.ppid;

if (step === 'before') {
  await restore(ROOT, npmPid);
  await build();
  const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Manifest;
  await swap(ROOT, `${JSON.stringify(packedManifest(manifest), null, 2)}\n`, npmPid);
}
// `npm publish` reads the manifest once more after it has packed, and sends that to the registry.
if (step === 'after-pack' && process.env.npm_command !== 'publish') await restore(ROOT, npmPid);
if (step === 'after-publish') await restore(ROOT, npmPid);
