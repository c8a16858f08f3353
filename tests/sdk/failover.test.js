// The primary fails in every way it can; whoever asks, in either dialect, whole or streamed, is answered by the other
// route, and by the primary again once it is well.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { CLIENTS, WAYS } from './support/asks.js';
import { HOT, WARM, fastMap, impatientMap } from './support/map.js';
import { Router, until } from './support/router.js';

// How often the primary is tried before the next route is: what may be gone in a moment is retried once here, what is
// silent or can't be reached is not.
const OUTAGES = [
  ['500', { type: 'status', code: 500 }, 2],
  ['529', { type: 'status', code: 529 }, 2],
  ['503 with Retry-After', { type: 'status', code: 503, retryAfterS: 1 }, 1],
  ['a refused connection', { type: 'refuse' }, 1],
  ['silence', { type: 'silence' }, 1],
  ['a reset', { type: 'reset', stage: 'request' }, 2],
  ['a reset on accept', { type: 'reset', stage: 'accept' }, 2],
  ['a captive portal', { type: 'html' }, 1],
  ['a captive portal that redirects', { type: 'html', redirect: true }, 1],
  ['an empty body', { type: 'emptyBody' }, 2],
  ['an error inside a 200', { type: 'inBandError' }, 2],
];

// Nothing has reached the caller yet, so these are outages like any other.
const STREAM_OUTAGES = [
  ['a cut before the first token', { type: 'cutStream', afterChunks: 0 }, 2],
  ['a role and then silence', { type: 'roleOnlyThenStall' }, 1],
];

let router;
before(async () => (router = await Router.start(impatientMap())));
after(() => router?.stop());

/** An answer of the primary, however long its circuit takes to close. */
async function answeredAtHome(client, ask, complete) {
  const home = await until('the primary answers', async () => {
    const answer = await ask(client);
    assert.equal(answer.finish, complete, 'nobody notices the way home either');
    return answer.headers.get('x-switchyard-route') === HOT ? answer : undefined;
  });
  await router.circuit(HOT, 'closed');
  return home;
}

async function failsOverAndBack({ make, ask, complete }, fault, tries) {
  const client = make(router);
  await answeredAtHome(client, ask, complete);

  await router.fault('anthropic', fault);
  const moved = await ask(client, { prompt: 'are you there' });
  assert.equal(moved.headers.get('x-switchyard-route'), WARM);
  assert.equal(moved.headers.get('x-switchyard-tier'), 'warm');
  assert.equal(moved.headers.get('x-switchyard-degraded'), 'true');
  assert.equal(moved.headers.get('x-switchyard-attempts'), String(tries + 1));
  assert.equal(moved.model, 'gpt-4o-mini');
  assert.match(moved.text, /^\[gpt-4o-mini @ openai\] .*"are you there"\. .*\.$/);
  assert.equal(moved.finish, complete);

  await router.heal('anthropic');
  const home = await answeredAtHome(client, ask, complete);
  assert.match(home.text, /^\[sonnet-4\.6 @ anthropic\]/);
  assert.equal(home.headers.get('x-switchyard-degraded'), 'false');
}

for (const way of WAYS) {
  describe(`${way.way}: the primary fails and comes back`, () => {
    const streamed = way.ask === way.streamed;
    for (const [what, fault, tries] of streamed ? [...OUTAGES, ...STREAM_OUTAGES] : OUTAGES) {
      test(what, () => failsOverAndBack(way, fault, tries));
    }
  });
}

describe('around an outage', () => {
  beforeEach(async () => {
    await router.heal('anthropic');
    await router.apply(fastMap());
    const { make, whole, complete } = CLIENTS[0];
    await answeredAtHome(make(router), whole, complete);
  });

  test('while the circuit is open the primary is left alone, and nobody waits for it', async () => {
    await router.apply(fastMap({ breaker: { consecutiveFailures: 2, halfOpenEveryMs: 600_000 } }));
    await router.fault('anthropic', { type: 'status', code: 500 });
    for (const { make, whole } of CLIENTS) await whole(make(router));
    await router.circuit(HOT, 'open');
    const before = (await router.provider('anthropic')).calls;
    for (const { make, ask } of WAYS) {
      const answer = await ask(make(router));
      assert.equal(answer.headers.get('x-switchyard-route'), WARM);
      assert.equal(answer.headers.get('x-switchyard-attempts'), '1');
    }
    assert.equal((await router.provider('anthropic')).calls, before);
  });

  test('with many callers at once, each is answered in full while the primary goes and comes back', async () => {
    const crowd = async (name) => {
      const asked = Array.from({ length: 32 }, async (_, n) => {
        const { make, ask, complete } = WAYS[n % WAYS.length];
        const answer = await ask(make(router), { prompt: `${name} ${n}` });
        assert.equal(answer.finish, complete);
        assert.ok(answer.text.includes(`"${name} ${n}"`), answer.text);
        return answer.headers.get('x-switchyard-route');
      });
      return new Set(await Promise.all(asked));
    };
    assert.deepEqual(await crowd('before'), new Set([HOT]));
    await router.fault('anthropic', { type: 'status', code: 529 });
    assert.deepEqual(await crowd('during'), new Set([WARM]));
    await router.heal('anthropic');
    await crowd('after');
    await until('all of them are at home again', async () =>
      (await crowd('later')).has(WARM) ? undefined : true,
    );
  });

  test('a conversation with tools crosses from one dialect to the other', async () => {
    const client = router.openai();
    const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
    const tools = [{ type: 'function', function: { name: 'get_weather', parameters } }];
    const asked = { role: 'user', content: 'What is the weather in Lisbon and Porto?' };
    const first = await client.chat.completions.create({ model: 'auto', messages: [asked], tools });
    assert.equal(first.model, 'sonnet-4.6');
    const { message } = first.choices[0];
    const results = message.tool_calls.map((call) => ({
      role: 'tool',
      tool_call_id: call.id,
      content: 'sunny',
    }));
    await router.fault('anthropic', { type: 'status', code: 529 });
    const messages = [asked, message, ...results];
    const second = await client.chat.completions.create({ model: 'auto', messages, tools });
    assert.equal(second.model, 'gpt-4o-mini');
    assert.match(second.choices[0].message.content, /The tools answered: sunny; sunny/);
  });
});
