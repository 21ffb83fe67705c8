/**
 * `npm run check:layers`: dependency-cruiser with the rules of .dependency-cruiser.mjs, in the current
 * folder. Its command line passes when it has read no file, as happens with a TypeScript whose JavaScript API
 * it does not know; here every file must have been read.
 */
import { globSync } from 'node:fs';
import { cruise, format, type ICruiseResult } from 'dependency-cruiser';
import extractOptions from 'dependency-cruiser/config-utl/extract-depcruise-options';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';

const folders = globSync('{src,jobs,schemas,examples,test,bench}');
const files = globSync('{src,jobs,schemas,examples,test,bench}/**/*.{ts,tsx,mjs,js}', {
  exclude: ['**/node_modules/**'],
});
const options = await extractOptions('./.dependency-cruiser.mjs');
// Folders, not files: in a folder it takes only the files that it can really parse.
const { output } = await cruise(folders, options, undefined, {
  tsConfig: extractTSConfig('./tsconfig.json'),
});
const result = output as ICruiseResult;

const read = new Set(result.modules.map((module) => module.source));
const unread = files.filter((file) => !read.has(file));
const report = await format(result, { outputType: 'err-long' });
console.log(report.output);
if (unread.length > 0) console.error(`${unread.length} files were not read, the first is ${unread[0]}`);

const nothing = !files.some((file) => file.startsWith('src/'));
if (nothing) console.error('there is no file in src/');

process.exitCode = report.exitCode > 0 || unread.length > 0 || nothing ? 1 : 0;
