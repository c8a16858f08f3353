// The official OpenAI client's Chat Completions through the router to every kind of provider.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import OpenAI from 'openai';

import { KINDS, MODELS } from './support/fleet.js';
import { DOCUMENT, PICTURE } from './support/files.js';
import { Router } from './support/router.js';

const WEATHER = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather in one city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};

let router;
let client;
before(async () => {
  router = await Router.startForKinds();
  client = router.openai();
});
after(() => router?.stop());

/** A completion without what the SDK itself has put in, which OpenAI refuses to be given back. */
function withoutParsed(completion) {
  for (const { message } of completion.choices) {
    delete message.parsed;
    for (const call of message.tool_calls ?? []) delete call.function.parsed_arguments;
  }
  return completion;
}

for (const { behind, provider, route, model, says, dialect, thinksUnasked } of KINDS) {
  describe(`OpenAI client, ${behind}`, () => {
    test('a completion', async () => {
      const messages = [
        { role: 'system', content: 'Answer briefly.' },
        { role: 'user', content: 'Name a good first product' },
      ];
      const { data, response } = await client.chat.completions.create({ model, messages }).withResponse();
      assert.equal(data.object, 'chat.completion');
      assert.equal(data.model, says, 'the model is the one that answered');
      assert.equal(data.choices.length, 1);
      const [{ message, finish_reason: finish }] = data.choices;
      assert.equal(finish, 'stop');
      assert.equal(message.role, 'assistant');
      assert.match(message.content, new RegExp(`^\\[${says} @ ${provider}\\] .*"Name a good first product"`));
      assert.ok(data.usage.prompt_tokens > 0 && data.usage.completion_tokens > 0);
      assert.equal(data.usage.total_tokens, data.usage.prompt_tokens + data.usage.completion_tokens);
      assert.equal(response.headers.get('x-switchyard-route'), route);
      assert.equal(response.headers.get('x-switchyard-tier'), 'hot');
      assert.equal(response.headers.get('x-switchyard-attempts'), '1');
      assert.ok(response.headers.get('x-switchyard-request-id'));
    });

    test('a plain answer lacks nothing but the seal of thinking nobody asked for', async () => {
      const messages = [{ role: 'user', content: 'hello' }];
      const { response } = await client.chat.completions.create({ model, messages }).withResponse();
      const lost = thinksUnasked ? 'thinking_signature_dropped content' : null;
      assert.equal(response.headers.get('x-switchyard-degradations'), lost);
      assert.equal(response.headers.get('x-switchyard-degraded'), String(thinksUnasked));
    });

    for (const wanted of [true, false]) {
      test(`a stream, usage ${wanted ? '' : 'not '}asked for`, async () => {
        const messages = [{ role: 'user', content: 'Say something longer about streams' }];
        const options = wanted ? { stream_options: { include_usage: true } } : {};
        const { data: stream, response } = await client.chat.completions
          .create({ model, stream: true, messages, ...options })
          .withResponse();
        let [text, finish] = ['', null];
        const [ids, usages] = [new Set(), []];
        let pieces = 0;
        for await (const chunk of stream) {
          assert.equal(chunk.object, 'chat.completion.chunk');
          assert.equal(chunk.model, says);
          ids.add(chunk.id);
          if (chunk.usage) usages.push(chunk.usage);
          const choice = chunk.choices[0];
          if (!wanted) assert.ok(choice, 'a chunk without choices is only for those who asked for usage');
          if (choice?.delta.content) pieces += 1;
          text += choice?.delta.content ?? '';
          finish = choice?.finish_reason ?? finish;
        }
        assert.match(
          text,
          new RegExp(`^\\[${says} @ ${provider}\\] .*"Say something longer about streams"\\. .*\\.$`),
        );
        assert.ok(pieces > 1, 'it came in pieces');
        assert.equal(finish, 'stop');
        assert.equal(ids.size, 1);
        assert.equal(usages.length, wanted ? 1 : 0);
        if (wanted) assert.ok(usages[0].prompt_tokens > 0 && usages[0].completion_tokens > 0);
        assert.equal(response.headers.get('x-switchyard-route'), route);
        assert.match(response.headers.get('content-type'), /^text\/event-stream/);
      });
    }

    test('the stream helper ends in the whole completion', async () => {
      const messages = [{ role: 'user', content: 'hello' }];
      const stream = client.chat.completions.stream({
        model,
        messages,
        stream_options: { include_usage: true },
      });
      const completion = await stream.finalChatCompletion();
      assert.equal(completion.choices[0].finish_reason, 'stop');
      assert.match(completion.choices[0].message.content, /"hello"/);
      assert.ok(completion.usage.completion_tokens > 0);
    });

    for (const streamed of [false, true]) {
      test(`parallel tools and their results, ${streamed ? 'streamed' : 'whole'}`, async () => {
        const asked = { role: 'user', content: 'What is the weather in Lisbon and Porto?' };
        const ask = async (messages) => {
          const body = { model, messages, tools: [WEATHER] };
          if (streamed) return withoutParsed(await client.chat.completions.stream(body).finalChatCompletion());
          return client.chat.completions.create(body);
        };
        const first = (await ask([asked])).choices[0];
        assert.equal(first.finish_reason, 'tool_calls');
        const calls = first.message.tool_calls;
        assert.deepEqual(
          calls.map((call) => [call.type, call.function.name, JSON.parse(call.function.arguments)]),
          [
            ['function', 'get_weather', { city: 'Lisbon' }],
            ['function', 'get_weather', { city: 'Porto' }],
          ],
        );
        assert.equal(new Set(calls.map((call) => call.id)).size, 2);
        const said = ['18 degrees, clear', '14 degrees, rain'];
        const results = calls.map((call, n) => ({ role: 'tool', tool_call_id: call.id, content: said[n] }));
        const second = (await ask([asked, first.message, ...results])).choices[0];
        assert.equal(second.finish_reason, 'stop');
        assert.match(second.message.content, /The tools answered: 18 degrees, clear; 14 degrees, rain/);
      });
    }

    test('one tool at a time where the caller wants it so', async () => {
      const messages = [{ role: 'user', content: 'What is the weather in Lisbon and Porto?' }];
      const body = { model, messages, tools: [WEATHER], parallel_tool_calls: false };
      const { data, response } = await client.chat.completions.create(body).withResponse();
      if (dialect === 'gemini') {
        // It has no such wish.
        assert.match(response.headers.get('x-switchyard-degradations'), /parallel_tool_calls/);
      } else {
        assert.equal(data.choices[0].message.tool_calls.length, 1);
      }
    });

    test('a JSON schema', async () => {
      const schema = {
        type: 'object',
        properties: {
          title: { type: 'string' },
          stars: { type: 'integer' },
          tags: { type: 'array', items: { type: 'string' } },
        },
        required: ['title', 'stars', 'tags'],
        additionalProperties: false,
      };
      const completion = await client.chat.completions.parse({
        model,
        messages: [{ role: 'user', content: 'Review the product' }],
        response_format: { type: 'json_schema', json_schema: { name: 'review', strict: true, schema } },
      });
      const review = JSON.parse(completion.choices[0].message.content);
      assert.deepEqual(Object.keys(review).sort(), ['stars', 'tags', 'title']);
      assert.equal(typeof review.title, 'string');
      assert.equal(review.stars, 7);
    });

    test('a length limit is told as such', async () => {
      const messages = [{ role: 'user', content: 'Tell me a lot' }];
      const cut = await client.chat.completions.create({ model, messages, max_completion_tokens: 30 });
      assert.equal(cut.choices[0].finish_reason, 'length');
    });

    const FILES = [
      ['an image', { type: 'image_url', image_url: { url: PICTURE.url } }, /It came with 1 image\./],
      [
        'a document',
        { type: 'file', file: { filename: 'menu.pdf', file_data: DOCUMENT.url } },
        /It came with 1 document\./,
      ],
    ];
    for (const [what, part, came] of FILES) {
      test(`${what} in the prompt`, async () => {
        const content = [{ type: 'text', text: 'What is this?' }, part];
        const answer = await client.chat.completions.create({ model, messages: [{ role: 'user', content }] });
        assert.match(answer.choices[0].message.content, came);
        assert.equal(answer.choices[0].finish_reason, 'stop');
      });
    }

    test('a refusal is told as one, whole and streamed', async () => {
      const messages = [{ role: 'user', content: 'Please refuse to answer' }];
      const whole = (await client.chat.completions.create({ model, messages })).choices[0];
      const streamed = (await client.chat.completions.stream({ model, messages }).finalChatCompletion()).choices[0];
      for (const { message, finish_reason: finish } of [whole, streamed]) {
        const said = message.refusal ?? message.content;
        assert.match(said, /can't help with that/);
        assert.ok(['stop', 'content_filter'].includes(finish), finish);
      }
    });
  });
}

describe('OpenAI client', () => {
  test('the models are those of the map, and each can be asked for by name', async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.deepEqual(ids, MODELS);
    for (const id of ['auto', 'gpt-4o', 'switchyard/on-google']) {
      const model = await client.models.retrieve(id);
      assert.deepEqual([model.object, model.id], ['model', id]);
    }
    await assert.rejects(client.models.retrieve('gpt-nobody-has'), (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError, `${error.constructor.name}: ${error.message}`);
      assert.match(error.message, /gpt-nobody-has/);
      return true;
    });
  });

  test("a model of the map is preferred, any other name means the map's order", async () => {
    for (const [model, answers] of [
      ['claude-sonnet-4-5', 'claude-sonnet-4-5'],
      ['gemini-2.5-pro', 'gemini-2.5-pro'],
      ['auto', 'gpt-4.1-mini'],
      ['gpt-nobody-has', 'gpt-4.1-mini'],
    ]) {
      const completion = await client.chat.completions.create({
        model,
        messages: [{ role: 'user', content: 'hi' }],
      });
      assert.equal(completion.model, answers, model);
    }
  });

  const hello = [{ role: 'user', content: 'hello' }];
  const refusals = [
    [
      'a wrong key',
      401,
      OpenAI.AuthenticationError,
      { apiKey: 'sk-of-someone-else' },
      { model: 'auto', messages: hello },
      { code: 'invalid_local_key' },
    ],
    ['no messages', 400, OpenAI.BadRequestError, {}, { model: 'auto' }, { param: 'messages' }],
    [
      'an empty list of messages',
      400,
      OpenAI.BadRequestError,
      {},
      { model: 'auto', messages: [] },
      { param: 'messages' },
    ],
    ['no model', 400, OpenAI.BadRequestError, {}, { messages: hello }, { param: 'model' }],
    [
      'a stream that is neither',
      400,
      OpenAI.BadRequestError,
      {},
      { model: 'auto', messages: hello, stream: 'please' },
      { param: 'stream' },
    ],
    [
      'an unknown job',
      400,
      OpenAI.BadRequestError,
      { defaultHeaders: { 'x-switchyard-job': 'nothing' } },
      { model: 'auto', messages: hello },
      { param: 'x-switchyard-job', code: 'unknown_job' },
    ],
  ];
  for (const [what, status, kind, options, body, expected] of refusals) {
    test(`${what} is a ${status}`, async () => {
      await assert.rejects(router.openai(options).chat.completions.create(body), (error) => {
        assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
        assert.equal(error.status, status);
        assert.equal(error.type, status === 401 ? 'authentication_error' : 'invalid_request_error');
        for (const [name, value] of Object.entries(expected)) assert.equal(error[name], value, name);
        assert.ok(error.headers.get('x-switchyard-request-id'));
        assert.ok(!error.message.includes('sk-of-someone-else'), 'a key is never repeated');
        return true;
      });
    });
  }

  for (const { behind, model } of KINDS) {
    test(`a fault found with ${behind} is told with its reason`, async () => {
      const messages = [{ role: 'robot', content: 'hello' }];
      await assert.rejects(client.chat.completions.create({ model, messages }), (error) => {
        assert.ok(error instanceof OpenAI.BadRequestError, `${error.constructor.name}: ${error.message}`);
        assert.match(`${error.param} ${error.message}`, /role/);
        return true;
      });
    });
  }

  test('a path that is not there is a NotFoundError', async () => {
    await assert.rejects(client.get('/nothing/here'), OpenAI.NotFoundError);
  });
});
