// Asks coding agents, unchanged and as a user would set them up, one question over every kind of simulated provider, and
// writes what came of it into docs/clients.md. Each agent gets a home and a folder of its own. It reaches this machine only:
// what an agent would fetch besides (updates, telemetry) is switched off where it has a switch for it.

import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { KINDS } from '../sdk/support/fleet.js';
import { Router, until } from '../sdk/support/router.js';

const DOCS = fileURLToPath(new URL('../../docs/clients.md', import.meta.url));
const [BEGIN, END] = ['<!-- asked: written by `cargo xtask clients` -->', '<!-- end of asked -->'];
const PROMPT = 'What is the capital of Portugal?';
/** An agent that has not answered by then is ended. */
const PATIENCE_MS = 120_000;

/** How each agent is pointed at the router: its program's arguments, variables, and files in its home. */
const AGENTS = [
  {
    name: 'Claude Code',
    asked: 'claude -p',
    package: '@anthropic-ai/claude-code',
    program: 'claude',
    args: (model) => ['-p', PROMPT, '--model', model],
    env: ({ proxyUrl, key }) => ({
      ANTHROPIC_BASE_URL: proxyUrl,
      ANTHROPIC_AUTH_TOKEN: key,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
    }),
  },
  {
    name: 'Codex CLI',
    asked: 'codex exec',
    package: '@openai/codex',
    program: 'codex',
    args: (model) => ['exec', '--skip-git-repo-check', '-m', model, PROMPT],
    env: ({ key }) => ({ SWITCHYARD_KEY: key }),
    files: ({ proxyUrl }) => ({
      '.codex/config.toml': [
        'model_provider = "switchyard"',
        '[model_providers.switchyard]',
        'name = "Switchyard"',
        `base_url = "${proxyUrl}/v1"`,
        'env_key = "SWITCHYARD_KEY"',
        'wire_api = "responses"',
        '',
      ].join('\n'),
    }),
  },
  {
    name: 'OpenCode',
    asked: 'opencode run',
    package: 'opencode-ai',
    program: 'opencode',
    args: (model) => ['run', '-m', `switchyard/${model}`, PROMPT],
    env: ({ key }) => ({ SWITCHYARD_KEY: key, OPENCODE_DISABLE_AUTOUPDATE: '1' }),
    files: ({ proxyUrl }) => ({
      '.config/opencode/opencode.json': JSON.stringify({
        autoupdate: false,
        share: 'disabled',
        provider: {
          switchyard: {
            npm: '@ai-sdk/openai-compatible',
            name: 'Switchyard',
            options: { baseURL: `${proxyUrl}/v1`, apiKey: '{env:SWITCHYARD_KEY}' },
            models: Object.fromEntries(KINDS.map(({ model }) => [model, { name: model }])),
          },
        },
      }),
    }),
  },
  {
    name: 'Gemini CLI',
    asked: 'gemini -p',
    package: '@google/gemini-cli',
    program: 'gemini',
    args: (model) => ['-m', model, '-p', PROMPT, '--skip-trust'],
    env: ({ proxyUrl, key }) => ({
      GOOGLE_GEMINI_BASE_URL: proxyUrl,
      GEMINI_API_KEY: key,
      GEMINI_CLI_TRUST_WORKSPACE: 'true',
    }),
    files: () => ({
      '.gemini/settings.json': JSON.stringify({
        security: { auth: { selectedType: 'gemini-api-key' } },
        general: { disableAutoUpdate: true, disableUpdateNag: true },
        privacy: { usageStatisticsEnabled: false },
      }),
    }),
  },
];

const local = (path) => fileURLToPath(new URL(path, import.meta.url));

const version = async (name) =>
  JSON.parse(await readFile(local(`node_modules/${name}/package.json`), 'utf8')).version;

/** Runs an agent once; what it said, and how it ended. */
async function run(agent, router, model) {
  const home = await mkdtemp(join(tmpdir(), 'switchyard-agent-'));
  try {
    for (const [name, text] of Object.entries(agent.files?.(router) ?? {})) {
      await mkdir(join(home, name, '..'), { recursive: true });
      await writeFile(join(home, name), text);
    }
    const work = join(home, 'work');
    await mkdir(work);
    const { PATH, LANG } = process.env;
    const env = { PATH, LANG, HOME: home, TERM: 'dumb', NO_COLOR: '1', ...agent.env(router) };
    return await ended(local(`node_modules/.bin/${agent.program}`), agent.args(model), { cwd: work, env });
  } finally {
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  }
}

function ended(program, args, options) {
  return new Promise((resolve, reject) => {
    // A group of its own: an agent's helpers end with it.
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let [said, log] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => (said += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (log += text));
    const hurry = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), PATIENCE_MS);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(hurry);
      resolve({ said, log, end: signal ?? code });
    });
  });
}

/** Asks one kind of provider through one agent; what is wrong, or nothing. */
async function ask(agent, router, kind) {
  const known = new Set((await router.control('GET', '/v1/requests?limit=500')).map(({ id }) => id));
  const { said, log, end } = await run(agent, router, kind.model);
  const tail = (text) => text.trim().slice(-600);
  if (end !== 0) return `ended with ${end}: ${tail(log) || tail(said)}`;
  if (!said.includes(kind.says)) return `its answer is not from ${kind.says}: ${tail(said)} ${tail(log)}`;
  // The log is written behind.
  await until(`an answer of ${kind.route} is in the request log`, async () => {
    const logged = await router.control('GET', '/v1/requests?limit=500');
    const answers = ({ id, route, outcome }) =>
      !known.has(id) && route === kind.route && outcome === 'answered';
    return logged.some(answers) ? true : undefined;
  });
  const { body } = await router.lastSent(kind.provider);
  return /"(tools|functionDeclarations)":\s*\[/.test(body) ? undefined : 'no tool went upstream';
}

const only = process.argv.slice(2);
const router = await Router.startForKinds();
const rows = [];
let wrong = 0;
try {
  for (const agent of AGENTS.filter(({ program }) => only.length === 0 || only.includes(program))) {
    const cells = [];
    for (const kind of KINDS) {
      const begun = Date.now();
      const why = await ask(agent, router, kind);
      cells.push(why === undefined ? 'answers' : 'fails');
      wrong += why === undefined ? 0 : 1;
      const seconds = ((Date.now() - begun) / 1000).toFixed(1);
      console.log(`${why === undefined ? 'PASS' : 'FAIL'}  ${agent.program} over ${kind.provider} (${seconds} s)`);
      if (why !== undefined) console.log(`      ${why.replaceAll('\n', '\n      ')}`);
    }
    rows.push(`| ${agent.name} ${await version(agent.package)} | \`${agent.asked}\` | ${cells.join(' | ')} |`);
  }
} finally {
  await router.stop();
}

if (only.length === 0) {
  const day = new Date().toISOString().slice(0, 10);
  const head = ['agent', 'asked by', ...KINDS.map(({ provider }) => provider)];
  const table = [`| ${head.join(' | ')} |`, `| ${head.map(() => '---').join(' | ')} |`, ...rows].join('\n');
  const text = await readFile(DOCS, 'utf8');
  const [from, to] = [text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)];
  if (from < BEGIN.length || to < from) throw new Error(`docs/clients.md lacks its two marks`);
  await writeFile(DOCS, `${text.slice(0, from)}\nAsked on ${day}.\n\n${table}\n${text.slice(to)}`);
  console.log('written: docs/clients.md');
}
process.exitCode = wrong === 0 ? 0 : 1;
