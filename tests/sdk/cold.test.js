// No route is left: what each official client sees of the cold tier, and that the answer is there afterwards.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { APIS, CLIENTS } from './support/asks.js';
import { HOT, WARM } from './support/map.js';
import { Router, until } from './support/router.js';

let router;
before(async () => (router = await Router.start()));
after(() => router?.stop());

async function breakAll() {
  for (const name of ['anthropic', 'openai']) await router.fault(name, { type: 'status', code: 500 });
}

async function healAll() {
  await router.heal('anthropic', 'openai');
}

/** Asks for a queued request's answer until it is there, with the SDK's own `get`. */
async function answerOf(client, path) {
  return until('the queued request is answered', async () => {
    const job = await client.get(path);
    assert.ok(['queued', 'running', 'done'].includes(job.status), job.status);
    return job.status === 'done' ? job : undefined;
  });
}

/** The job a request is queued as, by the error that says so. */
async function queuedId(asked) {
  let id;
  await assert.rejects(asked, (error) => {
    id = error.headers?.get('x-switchyard-job-id');
    return error.status === 503 && id !== undefined;
  });
  return id;
}

test('embeddings that no route can give are an error, too', async () => {
  await breakAll();
  const client = router.openai();
  const id = await queuedId(client.embeddings.create({ model: 'auto', input: 'kept' }));
  assert.match(id, /^job_/);
  await healAll();
});

/** The log's entries for `model`, complete: it is written in order, and a later request is already in it. */
async function loggedInFull(model) {
  const marker = `marker-of-${model}`;
  const { whole } = CLIENTS[0];
  // No route is there for it either.
  await queuedId(whole(router.openai(), { model: marker }));
  await until('the log has caught up', async () =>
    (await router.logged(marker)).length > 0 ? true : undefined,
  );
  return router.logged(model);
}

for (const { sdk, errors, make, whole, streamed, errorOf, jobs, textOf } of APIS) {
  describe(`${sdk}: every route is down`, () => {
    beforeEach(breakAll);

    test('whoever asks for it gets a receipt instead of an error, and the answer is there later', async () => {
      const client = make(router);
      // Said by the request itself: this program knows what a 202 is.
      const options = { headers: { 'x-switchyard-interactive': 'false' } };
      const { data, response } = await whole(client, { prompt: `kept for ${sdk}`, options });
      assert.equal(response.status, 202);
      assert.equal(data.status, 'queued');
      assert.equal(response.headers.get('location'), `/v1/switchyard/jobs/${data.id}`);
      assert.equal(response.headers.get('x-switchyard-tier'), 'cold');
      assert.equal(response.headers.get('x-switchyard-degraded'), 'true');
      assert.ok(Number(response.headers.get('retry-after')) > 0);

      assert.notEqual((await client.get(`${jobs}/${data.id}`)).status, 'done');
      await healAll();
      const job = await answerOf(client, `${jobs}/${data.id}`);
      assert.ok([HOT, WARM].includes(job.route), job.route);
      assert.match(textOf(job.result), new RegExp(`"kept for ${sdk}"`));
    });

    const errorCases = [
      ['a plain request', whole, {}],
      ['a stream', streamed, {}],
      [
        'a plain request of an interactive client',
        whole,
        { headers: { 'x-switchyard-interactive': 'true' } },
      ],
    ];
    for (const [what, ask, options] of errorCases) {
      test(`${what} gets an error at once, which the SDK does not retry, and is kept all the same`, async () => {
        const model = `cold-${sdk}-${what.replaceAll(' ', '-')}`;
        // As the SDK comes: it retries a 503 twice unless it is told not to.
        const client = make(router, { maxRetries: 2 });
        let failure;
        await assert.rejects(ask(client, { model, prompt: `kept for ${sdk}`, options }), (error) => {
          failure = error;
          return true;
        });
        assert.ok(failure instanceof errors.APIError, `${failure.constructor.name}: ${failure.message}`);
        assert.ok(failure instanceof errors.InternalServerError);
        assert.equal(failure.status, 503);
        assert.equal(failure.headers.get('x-should-retry'), 'false');
        assert.ok(Number(failure.headers.get('retry-after')) > 0);
        const { code, type, message } = errorOf(failure);
        assert.equal(code, 'queued');
        assert.equal(type, 'overloaded_error');
        const id = failure.headers.get('x-switchyard-job-id');
        assert.ok(message.includes(`queued as ${id}`), message);
        assert.ok(message.includes(`GET /v1/switchyard/jobs/${id}`), message);
        assert.ok(failure.message.includes(`queued as ${id}`), failure.message);
        assert.equal(failure.headers.get('location'), `/v1/switchyard/jobs/${id}`);

        const entries = await loggedInFull(model);
        assert.deepEqual(
          entries.map((entry) => [entry.outcome, entry.status, entry.tier]),
          [['queued', 503, 'cold']],
          'the router saw exactly one request',
        );

        await healAll();
        const job = await answerOf(client, `${jobs}/${id}`);
        assert.match(textOf(job.result), new RegExp(`"kept for ${sdk}"`));
      });
    }

    test('a receipt is of no use to another app', async () => {
      const id = await queuedId(whole(make(router), { prompt: 'mine' }));
      const name = `other-${sdk.replace(' ', '-')}`;
      const { key } = await router.control('POST', '/v1/clients', { name });
      const other = make(router, { apiKey: key });
      await assert.rejects(other.get(`${jobs}/${id}`), errors.NotFoundError);
      await healAll();
      await answerOf(make(router), `${jobs}/${id}`);
    });
  });
}

test("a key of the caller's own against asking twice is one job", async () => {
  await breakAll();
  const options = { headers: { 'idempotency-key': 'order-4711' } };
  const client = router.openai();
  const { whole } = CLIENTS[0];
  const first = await queuedId(whole(client, { prompt: 'once', options }));
  const second = await queuedId(whole(client, { prompt: 'once', options }));
  assert.equal(second, first);
  await healAll();
  const job = await answerOf(client, `/switchyard/jobs/${first}`);
  assert.match(job.result.choices[0].message.content, /"once"/);
});
