// The routing maps of these tests: the smallest map with its primary on one dialect and its fallback on the other, and
// times short enough that an outage and its end are a matter of milliseconds.

export const HOT = 'anthropic/sonnet-4.6';
export const WARM = 'openai/gpt-4o-mini';

/** The map, with the top-level keys of `changes` in place of its own. */
export function fastMap(changes = {}) {
  return {
    name: 'sdk-tests',
    hot: [
      {
        provider: 'anthropic',
        model: 'sonnet-4.6',
        baseUrl: '${SWITCHYARD_SIM_ANTHROPIC}',
        dialect: 'anthropic',
        auth: 'none',
      },
    ],
    warm: [
      {
        provider: 'openai',
        model: 'gpt-4o-mini',
        baseUrl: '${SWITCHYARD_SIM_OPENAI}',
        dialect: 'openai-chat',
        auth: 'none',
      },
    ],
    // One job per route, so that a test can say which dialect is behind the router.
    jobs: {
      'on-anthropic': { hot: [HOT], warm: [] },
      'on-openai': { hot: [WARM], warm: [] },
    },
    retry: { attempts: 2, initialMs: 10, maxMs: 20 },
    // One provider is broken again and again here: that neither backs its circuit off nor lowers its weight.
    breaker: { consecutiveFailures: 2, halfOpenEveryMs: 100, halfOpenMostMs: 100, successesToClose: 1 },
    triggers: { minCalls: 100_000 },
    probe: { everyMs: 0 },
    cold: { mode: 'graceful_degrade', initialMs: 50, maxMs: 200, maxAttempts: 100 },
    ...changes,
  };
}

/** The same with a primary that is given up quickly. The fallback keeps its patience: it is never the one at fault. */
export function impatientMap() {
  const map = fastMap();
  map.hot[0].timeouts = { connectMs: 500, firstByteMs: 600, firstTokenMs: 600 };
  return map;
}

/** The same with streams that may not pause for long, and that nobody else continues. */
export function restlessMap() {
  return fastMap({ midstream: 'error', timeouts: { idleMs: 600 } });
}

/** What is behind the router, and the model name that sends a request there and nowhere else. */
export const BEHIND = [
  {
    behind: 'an Anthropic route',
    provider: 'anthropic',
    route: HOT,
    model: 'switchyard/on-anthropic',
    says: 'sonnet-4.6',
  },
  {
    behind: 'an OpenAI route',
    provider: 'openai',
    route: WARM,
    model: 'switchyard/on-openai',
    says: 'gpt-4o-mini',
  },
];
