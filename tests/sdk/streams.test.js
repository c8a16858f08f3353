// Streams that end badly: a caller is told so, always; and a caller who hangs up costs nobody anything more.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { APIS, CLIENTS } from './support/asks.js';
import { BEHIND, HOT, WARM, fastMap, restlessMap } from './support/map.js';
import { Router, until } from './support/router.js';

const BROKEN = [
  ['a cut', { type: 'cutStream', afterChunks: 2 }, 'stream_cut'],
  ['a stall', { type: 'stallStream', afterChunks: 2 }, 'stream_idle_timeout'],
  ['an error event', { type: 'errorEvent', afterChunks: 2 }, 'stream_overloaded'],
  ['an event that is not JSON', { type: 'malformedChunk', afterChunks: 2 }, 'stream_malformed'],
];

let router;
before(async () => (router = await Router.start()));
after(() => router?.stop());

/** One good answer from the route, so that no failure of the test before counts in this one. */
async function wellAgain(provider, route, model, map = restlessMap()) {
  await router.apply(map);
  await router.heal(provider);
  await until(`${route} answers`, async () => {
    const { headers } = await CLIENTS[0].whole(router.openai(), { model });
    return headers.get('x-switchyard-route') === route ? true : undefined;
  });
  await router.circuit(route, 'closed');
}

for (const { sdk, make, streamed, complete } of APIS) {
  for (const [what, fault] of BROKEN) {
    test(`${sdk}: ${what} goes unseen where another route continues the text`, async () => {
      await wellAgain('anthropic', HOT, 'auto', fastMap({ timeouts: { idleMs: 600 } }));
      await router.fault('anthropic', fault);
      try {
        const answer = await streamed(make(router), { prompt: 'go on' });
        assert.match(answer.text, /^\[sonnet-4\.6 @ anthropic\] [^[]*"go on"\. [^[]*\.$/, 'once, and whole');
        assert.equal(answer.finish, complete);
      } finally {
        await router.heal('anthropic');
      }
    });
  }
}

for (const client of CLIENTS) {
  const { sdk, errors, complete, make, streamed, whole, errorOf } = client;
  for (const { behind, provider, model, route } of BEHIND) {
    describe(`${sdk}, ${behind} behind`, () => {
      for (const [what, fault, code] of BROKEN) {
        test(`${what} in the middle of a stream is an error, never a short answer`, async () => {
          await wellAgain(provider, route, model);
          const before = (await router.provider(provider)).calls;
          await router.fault(provider, fault);
          let heard = '';
          const asked = streamed(make(router, { maxRetries: 2 }), {
            model,
            prompt: 'go on',
            seen: (text) => (heard = text),
          });
          await assert.rejects(asked, (error) => {
            assert.ok(error instanceof errors.APIError, `${error.constructor.name}: ${error.message}`);
            assert.equal(errorOf(error).code, code);
            assert.match(errorOf(error).message, /broke off/);
            return true;
          });
          assert.match(heard, /^\[/, 'what came before the break was relayed');
          assert.equal(
            (await router.provider(provider)).calls,
            before + 1,
            'behind the first word nothing is asked twice',
          );
          assert.equal((await router.route(route)).last.at(-1), false, 'it counts against the route');
        });
      }

      test('a stream without its last event is whole or an error', async () => {
        await wellAgain(provider, route, model);
        await router.fault(provider, { type: 'missingDone' });
        try {
          const { text, finish } = await streamed(make(router), { model, prompt: 'to the end' });
          assert.equal(finish, complete);
          assert.match(text, /"to the end"\. .*\.$/);
        } catch (error) {
          assert.ok(error instanceof errors.APIError, `${error.constructor.name}: ${error.message}`);
          assert.equal(errorOf(error).code, 'stream_cut');
        }
      });

      test('hanging up ends the call upstream and condemns nobody', async () => {
        await wellAgain(provider, route, model, fastMap());
        const { last } = await router.route(route);
        await router.pace(provider, { firstByteMs: 0, perChunkMs: 200, jitterMs: 0, chunks: 12 });
        try {
          const before = (await router.provider(provider)).traffic.aborted;
          const abort = new AbortController();
          const name = `aborted-${sdk}-${provider}`;
          const options = {
            signal: abort.signal,
            headers: { 'x-switchyard-job': model.replace('switchyard/', '') },
          };
          const asked = streamed(make(router), { model: name, options, seen: () => abort.abort() });
          // The OpenAI client ends an aborted stream quietly, the Anthropic one raises; both are theirs to decide.
          await asked.catch((error) => assert.ok(error instanceof errors.APIUserAbortError, String(error)));
          await until('the provider sees the caller go', async () =>
            (await router.provider(provider)).traffic.aborted > before ? true : undefined,
          );
          assert.equal((await router.provider(provider)).traffic.inFlight, 0);
          const [entry] = await until('the log has the request', async () => {
            const entries = await router.logged(name);
            return entries.length > 0 ? entries : undefined;
          });
          assert.equal(entry.outcome, 'aborted');
          const afterwards = await router.route(route);
          assert.equal(afterwards.circuit, 'closed');
          assert.deepEqual(afterwards.last, last, 'the call counts neither way');
        } finally {
          await router.pace(provider, {});
        }
      });
    });
  }

  test(`${sdk}: hanging up before the first byte ends the call upstream`, async () => {
    await router.apply(fastMap());
    await router.fault('anthropic', { type: 'silence' });
    try {
      const before = (await router.provider('anthropic')).traffic;
      const abort = new AbortController();
      const asked = whole(make(router), { options: { signal: abort.signal } });
      const rejected = assert.rejects(asked, errors.APIUserAbortError);
      await until('the request is under way', async () =>
        (await router.provider('anthropic')).traffic.inFlight > before.inFlight ? true : undefined,
      );
      abort.abort();
      await rejected;
      await until('the provider sees the caller go', async () =>
        (await router.provider('anthropic')).traffic.aborted > before.aborted ? true : undefined,
      );
    } finally {
      await router.heal('anthropic');
    }
  });

  test(`${sdk}: an answer cut in the middle before it was relayed comes from the other route`, async () => {
    for (const fault of [
      { type: 'cutStream', afterChunks: 2 },
      { type: 'truncatedBody' },
      { type: 'malformedChunk', afterChunks: 2 },
    ]) {
      await wellAgain('anthropic', HOT, 'auto');
      await router.fault('anthropic', fault);
      const answer = await whole(make(router), { prompt: 'whole please' });
      assert.equal(answer.headers.get('x-switchyard-route'), WARM, fault.type);
      assert.match(answer.text, /"whole please"/);
    }
  });
}
