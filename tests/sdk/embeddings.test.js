// The official OpenAI client's embeddings through the router to every kind of provider that has them.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import OpenAI from 'openai';

import { KINDS, kindsMap } from './support/fleet.js';
import { Router } from './support/router.js';

let router;
let client;
before(async () => {
  router = await Router.startForKinds();
  client = router.openai();
});
after(() => router?.stop());

const length = (vector) => Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));

for (const { behind, provider, says, embeds: model } of KINDS) {
  describe(`embeddings, ${behind}`, () => {
    if (model === null) {
      const skip = provider === 'vertex' && 'the simulated Vertex AI has no embeddings yet';
      test('it is said that there are none', { skip }, async () => {
        await assert.rejects(client.embeddings.create({ model: says, input: 'hello' }), (error) => {
          assert.ok(error instanceof OpenAI.BadRequestError, `${error.constructor.name}: ${error.message}`);
          assert.match(error.message, /embed/i);
          return true;
        });
      });
      return;
    }

    test('texts have vectors in their order, in either encoding', async () => {
      const input = ['the first text', 'the second text', 'the first text'];
      // Left alone, the SDK asks for base64 and decodes it itself.
      for (const options of [{}, { encoding_format: 'float' }]) {
        const { data, response } = await client.embeddings.create({ model, input, ...options }).withResponse();
        assert.equal(data.object, 'list');
        assert.equal(data.model, model);
        assert.deepEqual(
          data.data.map((entry) => entry.index),
          [0, 1, 2],
        );
        const [first, second, third] = data.data.map((entry) => entry.embedding);
        assert.ok(Array.isArray(first) && Math.abs(length(first) - 1) < 0.001, `length ${length(first)}`);
        assert.deepEqual(first, third);
        assert.notDeepEqual(first, second);
        assert.ok(data.usage.total_tokens >= data.usage.prompt_tokens);
        assert.equal(response.headers.get('x-switchyard-route'), `${provider}/${model}`);
      }
    });

    test('one text, and as few dimensions as wanted', async () => {
      const { data } = await client.embeddings.create({ model, input: 'hello', dimensions: 64 });
      assert.deepEqual(
        data.map((entry) => entry.embedding.length),
        [64],
      );
    });
  });
}

describe('embeddings', () => {
  for (const [what, body, param] of [
    ['no input', { model: 'auto' }, 'input'],
    ['no model', { input: 'hello' }, 'model'],
  ]) {
    test(`${what} is a 400 that names the field`, async () => {
      await assert.rejects(client.embeddings.create(body), (error) => {
        assert.ok(error instanceof OpenAI.BadRequestError, `${error.constructor.name}: ${error.message}`);
        assert.equal(error.param, param);
        return true;
      });
    });
  }

  test('vectors of two models are not mixed: a model the map has not is refused', async () => {
    const asked = client.embeddings.create({ model: 'text-embedding-of-nobody', input: 'hello' });
    await assert.rejects(asked, OpenAI.BadRequestError);
  });

  test('a job can be asked for vectors by its name', async () => {
    const map = kindsMap();
    map.jobs.vectors = { hot: ['openai/text-embedding-3-small'], warm: [] };
    await router.apply(map);
    const answer = await client.embeddings.create({ model: 'switchyard/vectors', input: 'hello' });
    assert.equal(answer.model, 'text-embedding-3-small');
  });
});
