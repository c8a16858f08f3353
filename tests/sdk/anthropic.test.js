// The official Anthropic client against the router, over a route of its own dialect and over one that is translated.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import Anthropic from '@anthropic-ai/sdk';

import { BEHIND } from './support/map.js';
import { Router } from './support/router.js';

const WEATHER = {
  name: 'get_weather',
  description: 'The weather in one city',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

let router;
let client;
before(async () => {
  router = await Router.start();
  client = router.anthropic();
});
after(() => router?.stop());

for (const { behind, provider, route, model, says } of BEHIND) {
  describe(`Anthropic client, ${behind} behind`, () => {
    test('a message', async () => {
      const { data, response } = await client.messages
        .create({
          model,
          max_tokens: 200,
          system: 'Answer briefly.',
          messages: [{ role: 'user', content: 'Name a good first product' }],
        })
        .withResponse();
      assert.equal(data.type, 'message');
      assert.equal(data.role, 'assistant');
      assert.equal(data.model, says, 'the model is the one that answered');
      assert.equal(data.stop_reason, 'end_turn');
      assert.equal(data.content.length, 1);
      assert.equal(data.content[0].type, 'text');
      assert.match(
        data.content[0].text,
        new RegExp(`^\\[${says} @ ${provider}\\] .*"Name a good first product"`),
      );
      assert.ok(data.usage.input_tokens > 0 && data.usage.output_tokens > 0);
      assert.equal(response.headers.get('x-switchyard-route'), route);
      assert.equal(response.headers.get('x-switchyard-tier'), 'hot');
      assert.equal(response.headers.get('x-switchyard-attempts'), '1');
      assert.equal(response.headers.get('x-switchyard-degraded'), 'false');
      assert.ok(response.headers.get('x-switchyard-request-id'));
    });

    test('a length limit is told as such', async () => {
      const messages = [{ role: 'user', content: 'Tell me a lot' }];
      const message = await client.messages.create({ model, max_tokens: 3, messages });
      assert.equal(message.stop_reason, 'max_tokens');
    });

    test('a stream ends in the whole message', async () => {
      const messages = [{ role: 'user', content: 'Say something longer about streams' }];
      const stream = client.messages.stream({ model, max_tokens: 300, messages });
      const [pieces, kinds] = [[], []];
      stream.on('text', (piece) => pieces.push(piece));
      stream.on('streamEvent', (event) => kinds.push(event.type));
      const message = await stream.finalMessage();
      assert.equal(message.model, says);
      assert.equal(message.stop_reason, 'end_turn');
      assert.match(
        message.content[0].text,
        new RegExp(`^\\[${says} @ ${provider}\\] .*"Say something longer about streams"\\. .*\\.$`),
      );
      assert.equal(pieces.join(''), message.content[0].text);
      assert.ok(pieces.length > 1, 'it came in pieces');
      assert.equal(kinds[0], 'message_start');
      assert.deepEqual(kinds.slice(-3), ['content_block_stop', 'message_delta', 'message_stop']);
      assert.ok(message.usage.output_tokens > 0);
      assert.equal(stream.response.headers.get('x-switchyard-route'), route);
    });

    for (const streamed of [false, true]) {
      for (const failed of [false, true]) {
        const how = `${failed ? 'one of them an error, ' : ''}${streamed ? 'streamed' : 'whole'}`;
        test(`parallel tools and their results, ${how}`, async () => {
          const asked = { role: 'user', content: 'What is the weather in Lisbon and Porto?' };
          const ask = async (messages) => {
            const body = { model, max_tokens: 300, messages, tools: [WEATHER] };
            return streamed ? client.messages.stream(body).finalMessage() : client.messages.create(body);
          };
          const first = await ask([asked]);
          assert.equal(first.stop_reason, 'tool_use');
          const uses = first.content.filter((block) => block.type === 'tool_use');
          assert.deepEqual(
            uses.map((use) => [use.name, use.input]),
            [
              ['get_weather', { city: 'Lisbon' }],
              ['get_weather', { city: 'Porto' }],
            ],
          );
          assert.equal(new Set(uses.map((use) => use.id)).size, 2);
          const results = [
            { type: 'tool_result', tool_use_id: uses[0].id, content: '18 degrees, clear' },
            failed
              ? {
                  type: 'tool_result',
                  tool_use_id: uses[1].id,
                  is_error: true,
                  content: [{ type: 'text', text: 'station offline' }],
                }
              : {
                  type: 'tool_result',
                  tool_use_id: uses[1].id,
                  content: [{ type: 'text', text: '14 degrees, rain' }],
                },
          ];
          const second = await ask([
            asked,
            { role: 'assistant', content: first.content },
            { role: 'user', content: results },
          ]);
          assert.equal(second.stop_reason, 'end_turn');
          const text = second.content[0].text;
          assert.match(text, /The tools answered: .*18 degrees, clear/);
          assert.match(text, failed ? /station offline/ : /14 degrees, rain/);
          if (failed) await upstreamHeardOfTheError(provider, uses[1].id);
        });
      }
    }

    test('a tool that must be used', async () => {
      const messages = [{ role: 'user', content: 'Hello in Lisbon' }];
      const body = {
        model,
        max_tokens: 100,
        messages,
        tools: [WEATHER],
        tool_choice: { type: 'tool', name: 'get_weather' },
      };
      const message = await client.messages.create(body);
      assert.equal(message.stop_reason, 'tool_use');
      assert.deepEqual(message.content.find((block) => block.type === 'tool_use').input, { city: 'Lisbon' });
    });
  });
}

/** A failed tool must not look like one that worked: the flag where the dialect has one, words where it has none. */
async function upstreamHeardOfTheError(provider, id) {
  const { body } = await router.lastAsked(provider);
  if (provider === 'anthropic') {
    const block = body.messages.at(-1).content.find((result) => result.tool_use_id === id);
    assert.equal(block.is_error, true);
  } else {
    const result = body.messages.find((message) => message.tool_call_id === id);
    assert.match(JSON.stringify(result.content), /error/i);
  }
}

describe('Anthropic client', () => {
  test('the models are those of the map', async () => {
    const ids = [];
    for await (const model of client.models.list()) {
      assert.equal(model.type, 'model');
      ids.push(model.id);
    }
    assert.deepEqual(ids, [
      'auto',
      'sonnet-4.6',
      'gpt-4o-mini',
      'switchyard/on-anthropic',
      'switchyard/on-openai',
    ]);
  });

  const hello = [{ role: 'user', content: 'hello' }];

  test('the local key may come as a bearer token', async () => {
    const client = router.anthropic({ apiKey: undefined, authToken: router.key });
    const message = await client.messages.create({ model: 'auto', max_tokens: 100, messages: hello });
    assert.equal(message.model, 'sonnet-4.6');
  });

  const refusals = [
    [
      'a wrong key',
      401,
      Anthropic.AuthenticationError,
      'authentication_error',
      { apiKey: 'sk-of-someone-else' },
      { model: 'auto', max_tokens: 9, messages: hello },
      /local key/,
    ],
    [
      'no messages',
      400,
      Anthropic.BadRequestError,
      'invalid_request_error',
      {},
      { model: 'auto', max_tokens: 9 },
      /messages: is missing/,
    ],
    [
      'no model',
      400,
      Anthropic.BadRequestError,
      'invalid_request_error',
      {},
      { max_tokens: 9, messages: hello },
      /model: is missing/,
    ],
    [
      'a max_tokens that is none',
      400,
      Anthropic.BadRequestError,
      'invalid_request_error',
      {},
      { model: 'auto', max_tokens: -1, messages: hello },
      /max_tokens/,
    ],
  ];
  for (const [what, status, kind, type, options, body, reason] of refusals) {
    test(`${what} is a ${status}`, async () => {
      await assert.rejects(router.anthropic(options).messages.create(body), (error) => {
        assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
        assert.equal(error.status, status);
        assert.equal(error.type, type);
        assert.match(error.error.error.message, reason);
        assert.ok(error.headers.get('x-switchyard-request-id'));
        assert.ok(!error.message.includes('sk-of-someone-else'), 'a key is never repeated');
        return true;
      });
    });
  }

  for (const { behind, model } of BEHIND) {
    test(`a fault that ${behind} finds is told with its reason`, async () => {
      const messages = [{ role: 'robot', content: 'hello' }];
      await assert.rejects(client.messages.create({ model, max_tokens: 9, messages }), (error) => {
        assert.ok(error instanceof Anthropic.BadRequestError, `${error.constructor.name}: ${error.message}`);
        assert.match(error.message, /role/);
        return true;
      });
    });
  }

  test('a path that is not there is a NotFoundError', async () => {
    await assert.rejects(client.get('/v1/nothing/here'), Anthropic.NotFoundError);
  });
});
