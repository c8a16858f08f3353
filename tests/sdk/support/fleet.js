// One simulated provider of every kind a routing map can name, as a process of its own: with keys, tokens and
// signatures, as strict as the vendors' published schemas, and broken on demand.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { firstLine } from './process.js';

const BUILT = fileURLToPath(new URL('../../../target/debug/switchyard-sim', import.meta.url));
const PROGRAM = process.env.SWITCHYARD_SIM_BIN ?? BUILT;

const read = (name) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url)));

/** What is behind the router, kind by kind, and the model name that sends a request there and nowhere else. */
export const KINDS = read('kinds.json').map((kind) => ({ ...kind, behind: `${kind.provider} behind` }));

/** The models the map lists, in its order, and then its jobs. */
export const MODELS = [
  'auto',
  ...KINDS.map(({ says }) => says),
  ...KINDS.flatMap(({ embeds }) => embeds ?? []),
  ...KINDS.map(({ model }) => model).sort(),
];

/** The map with one route of each kind and one job for each route. */
export const kindsMap = () => read('kinds.map.json');

export class Fleet {
  static async start() {
    const child = spawn(PROGRAM, ['--every-kind'], { stdio: ['ignore', 'pipe', 'pipe'] });
    process.once('exit', () => child.kill('SIGKILL'));
    return new Fleet(child, JSON.parse(await firstLine(child, PROGRAM)));
  }

  #child;

  constructor(child, { adminUrl, urls, credentials }) {
    this.#child = child;
    this.adminUrl = adminUrl;
    /** What a credentials file must hold. */
    this.credentials = credentials;
    /** The `${SIM_...}` of the map. */
    this.variables = Object.fromEntries(
      Object.entries(urls).map(([name, url]) => [`SIM_${name.toUpperCase().replaceAll('-', '_')}`, url]),
    );
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}
