// The official Anthropic client's Messages through the router to every kind of provider.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import Anthropic from '@anthropic-ai/sdk';

import { KINDS, MODELS } from './support/fleet.js';
import { DOCUMENT, PICTURE } from './support/files.js';
import { Router } from './support/router.js';

const WEATHER = {
  name: 'get_weather',
  description: 'The weather in one city',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

let router;
let client;
before(async () => {
  router = await Router.startForKinds();
  client = router.anthropic();
});
after(() => router?.stop());

/** The one text of a message. */
function textOf(message) {
  const texts = message.content.filter((block) => block.type === 'text');
  assert.equal(texts.length, 1, JSON.stringify(message.content));
  return texts[0].text;
}

for (const { behind, provider, route, model, says, dialect, thinks, thinksUnasked } of KINDS) {
  describe(`Anthropic client, ${behind}`, () => {
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
      assert.match(
        textOf(data),
        new RegExp(`^\\[${says} @ ${provider}\\] .*"Name a good first product"`),
      );
      assert.ok(data.usage.input_tokens > 0 && data.usage.output_tokens > 0);
      assert.equal(response.headers.get('x-switchyard-route'), route);
      assert.equal(response.headers.get('x-switchyard-tier'), 'hot');
      assert.equal(response.headers.get('x-switchyard-attempts'), '1');
      // A seal of thinking that nobody asked for has no place, which is told.
      const lost = thinksUnasked ? 'thinking_signature_dropped content' : null;
      assert.equal(response.headers.get('x-switchyard-degradations'), lost);
      assert.equal(response.headers.get('x-switchyard-degraded'), String(thinksUnasked));
      assert.ok(response.headers.get('x-switchyard-request-id'));
    });

    test('a plain answer is one text and nothing else', async () => {
      const messages = [{ role: 'user', content: 'hello' }];
      const message = await client.messages.create({ model, max_tokens: 200, messages });
      assert.deepEqual(
        message.content.map((block) => block.type),
        ['text'],
      );
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
        textOf(message),
        new RegExp(`^\\[${says} @ ${provider}\\] .*"Say something longer about streams"\\. .*\\.$`),
      );
      assert.equal(pieces.join(''), textOf(message));
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
          const text = textOf(second);
          assert.match(text, /The tools answered: .*18 degrees, clear/);
          assert.match(text, failed ? /station offline/ : /14 degrees, rain/);
          if (failed) await upstreamHeardOfTheError(provider, dialect);
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

    test('a JSON schema', async () => {
      const schema = {
        type: 'object',
        properties: { title: { type: 'string' }, stars: { type: 'integer' } },
        required: ['title', 'stars'],
        additionalProperties: false,
      };
      const messages = [{ role: 'user', content: 'Review the product' }];
      const format = { type: 'json_schema', schema };
      const body = { model, max_tokens: 300, messages, output_config: { format } };
      const whole = await client.messages.create(body);
      const streamed = await client.messages.stream(body).finalMessage();
      for (const message of [whole, streamed]) {
        assert.equal(message.stop_reason, 'end_turn');
        const review = JSON.parse(message.content.find((block) => block.type === 'text').text);
        assert.deepEqual([typeof review.title, review.stars], ['string', 7]);
      }
    });

    const FILES = [
      ['an image', { type: 'image', source: { type: 'base64', ...PICTURE.anthropic } }, /It came with 1 image\./],
      [
        'a document',
        { type: 'document', title: 'Menu', source: { type: 'base64', ...DOCUMENT.anthropic } },
        /It came with 1 document\./,
      ],
    ];
    for (const [what, block, came] of FILES) {
      test(`${what} in the prompt`, async () => {
        const content = [block, { type: 'text', text: 'What is this?' }];
        const message = await client.messages.create({
          model,
          max_tokens: 300,
          messages: [{ role: 'user', content }],
        });
        assert.match(textOf(message), came);
        assert.equal(message.stop_reason, 'end_turn');
      });
    }

    for (const streamed of [false, true]) {
      test(`thinking, and a tool in the middle of it, ${streamed ? 'streamed' : 'whole'}`, async () => {
        const asked = { role: 'user', content: 'What is the weather in Lisbon?' };
        const ask = async (messages) => {
          const thinking = { type: 'enabled', budget_tokens: 1024 };
          const body = { model, max_tokens: 3000, thinking, messages, tools: [WEATHER] };
          return streamed ? client.messages.stream(body).finalMessage() : client.messages.create(body);
        };
        const first = await ask([asked]);
        // A seal of its own may stand beside the thought it belongs to.
        const kinds = first.content.map((block) => block.type).filter((type) => type !== 'redacted_thinking');
        assert.deepEqual(kinds, thinks ? ['thinking', 'tool_use'] : ['tool_use']);
        if (thinks) assert.match(first.content[0].thinking, /The user says "What is the weather in Lisbon\?"/);
        const use = first.content.find((block) => block.type === 'tool_use');
        const result = { type: 'tool_result', tool_use_id: use.id, content: '18 degrees' };
        // The provider refuses thoughts that are not its own, or that have been changed on the way.
        const second = await ask([
          asked,
          { role: 'assistant', content: first.content },
          { role: 'user', content: [result] },
        ]);
        assert.equal(second.stop_reason, 'end_turn');
        assert.match(textOf(second), /The tools answered: 18 degrees/);
      });
    }

    // A model not found would take its route away from the tests that follow.
    const skip = provider === 'bedrock' && 'the simulated Bedrock does not count tokens yet';
    test('tokens are counted', { skip }, async () => {
      const messages = [{ role: 'user', content: 'How many tokens are these few words?' }];
      const { input_tokens: tokens } = await client.messages.countTokens({ model, system: 'Be brief.', messages });
      assert.ok(Number.isInteger(tokens) && tokens > 5 && tokens < 100, String(tokens));
    });
  });
}

/** A failed tool must not look like one that worked: the flag where the dialect has one, words where it has none. */
async function upstreamHeardOfTheError(provider, dialect) {
  const { body } = await router.lastAsked(provider);
  const results = {
    anthropic: () => body.messages.at(-1).content.filter((block) => block.is_error === true),
    'bedrock-converse': () =>
      body.messages.at(-1).content.filter((block) => block.toolResult?.status === 'error'),
    gemini: () => body.contents.at(-1).parts.filter((part) => part.functionResponse?.response.error !== undefined),
    'openai-chat': () =>
      body.messages.filter((said) => said.role === 'tool' && /error/i.test(JSON.stringify(said.content))),
    'openai-responses': () =>
      body.input.filter((item) => item.type === 'function_call_output' && /error/i.test(JSON.stringify(item.output))),
  };
  assert.equal(results[dialect]().length, 1, JSON.stringify(body));
}

describe('Anthropic client', () => {
  test('the models are those of the map', async () => {
    const ids = [];
    for await (const model of client.models.list()) {
      assert.equal(model.type, 'model');
      ids.push(model.id);
    }
    assert.deepEqual(ids, MODELS);
    assert.equal((await client.models.retrieve('gpt-4o')).id, 'gpt-4o');
    await assert.rejects(client.models.retrieve('claude-nobody-has'), Anthropic.NotFoundError);
  });

  const hello = [{ role: 'user', content: 'hello' }];

  test('the local key may come as a bearer token', async () => {
    const client = router.anthropic({ apiKey: undefined, authToken: router.key });
    const message = await client.messages.create({ model: 'auto', max_tokens: 100, messages: hello });
    assert.equal(message.model, 'gpt-4.1-mini');
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

  for (const { behind, model } of KINDS) {
    test(`a fault found with ${behind} is told with its reason`, async () => {
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
