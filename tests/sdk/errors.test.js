// What goes wrong at a provider of any kind is an exception of the caller's own SDK, with the provider's reason in it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { APIS } from './support/asks.js';
import { KINDS } from './support/fleet.js';
import { Router, until } from './support/router.js';

let router;
before(async () => {
  router = await Router.startForKinds();
  // Tokens are fetched now, so that it is the requests which meet the faults.
  const client = router.openai();
  for (const { model } of KINDS) await APIS[0].whole(client, { model });
});
after(() => router?.stop());

const STATUSES = [
  // The provider has looked at the request and does not want it: the caller hears it as it is.
  { code: 400, body: { message: 'the moon is too bright' }, heard: [400] },
  { code: 413, heard: [400, 413] },
  // The provider is at fault: the router has no other route here, and says so with the reason.
  { code: 429, retryAfterS: 1, heard: [429, 503] },
  { code: 500, heard: [500, 502, 503] },
  { code: 503, heard: [503] },
];

/** An error body in the words of the provider behind. */
function said(dialect, { message }) {
  const bodies = {
    'openai-chat': { error: { message, type: 'invalid_request_error', param: null, code: null } },
    'openai-responses': { error: { message, type: 'invalid_request_error', param: null, code: null } },
    anthropic: { type: 'error', error: { type: 'invalid_request_error', message } },
    gemini: { error: { code: 400, message, status: 'INVALID_ARGUMENT' } },
    'bedrock-converse': { message },
  };
  return JSON.stringify(bodies[dialect]);
}

const BROKEN = [
  ['a cut', { type: 'cutStream', afterChunks: 2 }],
  ['a stall', { type: 'stallStream', afterChunks: 2 }],
  ['an error event', { type: 'errorEvent', afterChunks: 2 }],
  ['an event that is not what it should be', { type: 'malformedChunk', afterChunks: 2 }],
];

/** Healed, and asked again by the router: a provider that wished to be left alone is, for as long as it said. */
async function wellAgain({ make, whole }, provider, model) {
  await router.heal(provider);
  await until(`${provider} answers`, async () => {
    return whole(make(router), { model }).catch(() => undefined);
  });
}

for (const api of APIS) {
  const { sdk, errors, make, whole, streamed, errorOf } = api;
  for (const { behind, provider, model, dialect } of KINDS) {
    describe(`${sdk}, ${behind}`, () => {
      for (const { code, body, retryAfterS, heard } of STATUSES) {
        test(`${code} is an exception, whole and streamed`, async () => {
          const fault = { type: 'status', code, retryAfterS, body: body && said(dialect, body) };
          try {
            for (const ask of [whole, streamed]) {
              await router.fault(provider, fault);
              await assert.rejects(ask(make(router), { model }), (error) => {
                assert.ok(error instanceof errors.APIError, `${error.constructor.name}: ${error.message}`);
                assert.ok(heard.includes(error.status), `${error.status}: ${error.message}`);
                if (body) assert.match(error.message, new RegExp(body.message));
                assert.ok(errorOf(error).message.length > 10, 'with a reason');
                assert.ok(!/sk-sim-|AKIDSIM|ya29\./.test(JSON.stringify(error.error)), 'and no key');
                if (retryAfterS) assert.ok(Number(error.headers.get('retry-after')) > 0);
                return true;
              });
              await wellAgain(api, provider, model);
            }
          } finally {
            await router.heal(provider);
          }
        });
      }

      // Two retries of the SDK's, each after the 30 s of the router's Retry-After, would only ask the same routes again.
      test('what the router has tried in vain the SDK does not try again', async () => {
        await router.fault(provider, { type: 'status', code: 500 });
        try {
          await assert.rejects(whole(make(router), { model }), (error) => {
            assert.equal(error.headers.get('x-should-retry'), 'false');
            return true;
          });
        } finally {
          await router.heal(provider);
        }
      });

      for (const [what, fault] of BROKEN) {
        test(`${what} in the middle of a stream is an exception, never a short answer`, async () => {
          await router.fault(provider, fault);
          try {
            const before = (await router.provider(provider)).calls;
            let heard = '';
            const options = { model, prompt: 'go on', seen: (text) => (heard = text) };
            await assert.rejects(streamed(make(router, { maxRetries: 2 }), options), (error) => {
              assert.ok(error instanceof errors.APIError, `${error.constructor.name}: ${error.message}`);
              assert.match(errorOf(error).message, /broke off/);
              return true;
            });
            assert.match(heard, /^\[/, 'what came before the break was relayed');
            assert.equal((await router.provider(provider)).calls, before + 1, 'nothing is asked twice');
          } finally {
            await router.heal(provider);
          }
        });
      }
    });
  }
}
