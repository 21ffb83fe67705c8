import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import manifest from '../../package.json' with { type: 'json' };

export const ROOT = join(import.meta.dirname, '../..');

/** The project's own files, so that the real configuration is tested. */
const CONFIGURATION = [
  '.gitignore',
  '.dependency-cruiser.mjs',
  '.oxlintrc.json',
  'biome.jsonc',
  'knip.json',
  'tsconfig.json',
  'test/checks/layers.ts',
  'test/checks/sql.grit',
  'test/checks/connections.grit',
];

export interface Outcome {
  code: number | null;
  /** The output, errors last. */
  output: string;
}

/** A folder with the project's scripts and configuration, and only these files. */
export class PlantedProject implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** `dependencies` and the like replace those of package.json. */
  static async make(files: Record<string, string>, dependencies: object = {}): Promise<PlantedProject> {
    const project = new PlantedProject(await mkdtemp(join(tmpdir(), 'batchwright-checks-')));
    for (const file of CONFIGURATION) await cp(join(ROOT, file), join(project.folder, file));
    await symlink(join(ROOT, 'node_modules'), join(project.folder, 'node_modules'), 'dir');
    await project.write('package.json', `${JSON.stringify({ ...manifest, ...dependencies }, null, 2)}\n`);
    for (const [path, content] of Object.entries(files)) await project.write(path, content);
    return project;
  }

  async write(path: string, content: string): Promise<void> {
    const target = join(this.folder, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
  }

  /** Runs an npm script. */
  async run(script: string, args: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
    const child = spawn('npm', ['run', '--silent', script, '--', ...args], {
      cwd: this.folder,
      env: { ...process.env, ...env, NO_COLOR: '1', FORCE_COLOR: undefined },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const exit = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject).once('close', resolve);
    });
    const [code, printed, errors] = await Promise.all([exit, text(child.stdout), text(child.stderr)]);
    return { code, output: printed + errors };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.folder, { recursive: true });
  }
}
