// The real router as a process of its own: one per test file, on free ports, in a data directory that goes away with
// it. Everything here goes through its two listeners, as a user's program would. Its simulated providers are the
// demo's, inside it, or one of every kind beside it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';

import { Fleet, kindsMap } from './fleet.js';
import { fastMap } from './map.js';
import { firstLine } from './process.js';

const BUILT = fileURLToPath(new URL('../../../target/debug/switchyard', import.meta.url));
const PROGRAM = process.env.SWITCHYARD_BIN ?? BUILT;
const STOP_MS = 10_000;

/** Asks again and again until the answer is not `undefined`; fails with `what` once the time is over. */
export async function until(what, ask, ms = 10_000) {
  const deadline = Date.now() + ms;
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}

export class Router {
  /** Starts a router that runs `map`, its providers answering without delay. */
  static async start(map = fastMap()) {
    const dataDir = await mkdtemp(join(tmpdir(), 'switchyard-sdk-'));
    const router = new Router(dataDir);
    try {
      await router.#launch();
      for (const name of ['anthropic', 'openai', 'google']) await router.pace(name, {});
      await router.apply(map);
    } catch (error) {
      await router.stop();
      throw error;
    }
    return router;
  }

  /** Starts a router with a route to each kind of provider. */
  static async startForKinds(map = kindsMap()) {
    const dataDir = await mkdtemp(join(tmpdir(), 'switchyard-sdk-'));
    const router = new Router(dataDir);
    try {
      router.#fleet = await Fleet.start();
      const credentials = join(dataDir, 'credentials.json');
      await writeFile(credentials, JSON.stringify(router.#fleet.credentials), { mode: 0o600 });
      await router.#launch(['--no-sim', '--credentials-file', credentials], router.#fleet.variables);
      await router.apply(map);
    } catch (error) {
      await router.stop();
      throw error;
    }
    return router;
  }

  #child;
  #fleet;
  #token;

  constructor(dataDir) {
    this.dataDir = dataDir;
  }

  async #launch(own = ['--demo', '--no-keychain'], variables = {}) {
    const ports = ['--port', '0', '--control-port', '0'];
    const args = ['serve', ...own, '--data-dir', this.dataDir, ...ports, '--print-json'];
    const env = { ...process.env, ...variables };
    const child = spawn(PROGRAM, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    this.#child = child;
    process.once('exit', () => child.kill('SIGKILL'));
    const { proxyUrl, controlUrl } = JSON.parse(await firstLine(child, PROGRAM));
    this.proxyUrl = proxyUrl;
    this.controlUrl = controlUrl;
    this.key = (await readFile(join(this.dataDir, 'client.key'), 'utf8')).trim();
    this.#token = (await readFile(join(this.dataDir, 'control.token'), 'utf8')).trim();
  }

  async stop() {
    const child = this.#child;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      const hurry = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await gone;
      clearTimeout(hurry);
    }
    await this.#fleet?.stop();
    await rm(this.dataDir, { recursive: true, force: true, maxRetries: 5 });
  }

  /** The official OpenAI client, pointed here. Without retries of its own unless asked for. */
  openai(options = {}) {
    return new OpenAI({
      apiKey: this.key,
      baseURL: `${this.proxyUrl}/v1`,
      maxRetries: 0,
      timeout: 15_000,
      ...options,
    });
  }

  /** The official Anthropic client, pointed here. Without retries of its own unless asked for. */
  anthropic(options = {}) {
    return new Anthropic({
      apiKey: this.key,
      baseURL: this.proxyUrl,
      maxRetries: 0,
      timeout: 15_000,
      ...options,
    });
  }

  /** Google's official client, pointed here. It has no retries of its own unless asked for. */
  google({ apiKey = this.key, ...options } = {}) {
    return new GoogleGenAI({ apiKey, httpOptions: { baseUrl: this.proxyUrl, timeout: 15_000 }, ...options });
  }

  /** One call of the control API; what it answers, read as JSON. */
  async control(method, path, body) {
    return this.#call(this.controlUrl, method, path, body);
  }

  /** One call of what steers the simulated providers, wherever they are. */
  async #sim(method, path, body) {
    if (this.#fleet) return this.#call(this.#fleet.adminUrl, method, `/providers${path}`, body);
    return this.control(method, `/v1/sim/providers${path}`, body);
  }

  async #call(base, method, path, body) {
    const headers = { authorization: `Bearer ${this.#token}` };
    if (body !== undefined) headers['content-type'] = 'application/json';
    const answer = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  async apply(map) {
    await this.control('PUT', '/v1/map', { document: JSON.stringify(map), source: 'api' });
  }

  /** Breaks a simulated provider until it is healed. */
  async fault(provider, fault) {
    await this.#sim('PUT', `/${provider}/fault`, { fault });
  }

  async heal(...providers) {
    for (const name of providers) await this.#sim('DELETE', `/${name}/fault`);
  }

  /** How fast a simulated provider answers; `{}` is at once. */
  async pace(provider, latency) {
    await this.#sim('PUT', `/${provider}/latency`, latency);
  }

  /** A simulated provider with its counters. */
  async provider(name) {
    return (await this.#sim('GET', '')).find((provider) => provider.name === name);
  }

  /** What a simulated provider was sent last, its body as text: it keeps the beginning of a long one. */
  async lastSent(name) {
    const asked = await this.#sim('GET', `/${name}/requests`);
    return asked.filter((request) => request.method === 'POST').at(-1);
  }

  /** The same, its body read as JSON. */
  async lastAsked(name) {
    const last = await this.lastSent(name);
    return { ...last, body: JSON.parse(last.body) };
  }

  /** One route as the window shows it. */
  async route(id) {
    const { tiers } = await this.control('GET', '/v1/snapshot');
    return tiers.flatMap((tier) => tier.routes).find((route) => route.id === id);
  }

  /** Waits for a route's circuit. */
  async circuit(id, state) {
    await until(`the circuit of ${id} is ${state}`, async () =>
      (await this.route(id)).circuit === state ? true : undefined,
    );
  }

  /** The log's entries for a model name no other request asks for, newest first. The log is written behind. */
  async logged(model) {
    return (await this.control('GET', '/v1/requests?limit=500')).filter((entry) => entry.model === model);
  }
}
