// The Vercel AI SDK through the router to every kind of provider, with each of its ways to speak to one.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, Output, embedMany, generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

import { KINDS } from './support/fleet.js';
import { DOCUMENT, PICTURE } from './support/files.js';
import { Router } from './support/router.js';

const weather = tool({
  description: 'The weather in one city',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `${city}: 18 degrees`,
});

/** Each of the SDK's own providers with the endpoint of the router it speaks to. */
const SPEAKERS = [
  {
    speaks: 'chat',
    make: (settings) => (model) => createOpenAI(settings).chat(model),
    providerOptions: {},
  },
  {
    speaks: 'responses',
    make: (settings) => (model) => createOpenAI(settings).responses(model),
    // What is kept at one provider can't be referred to at another.
    providerOptions: { openai: { store: false, include: ['reasoning.encrypted_content'] } },
  },
  {
    speaks: 'messages',
    make: (settings) => (model) => createAnthropic(settings)(model),
    providerOptions: {},
  },
  {
    speaks: 'compatible chat',
    make: (settings) => (model) =>
      createOpenAICompatible({
        name: 'switchyard',
        includeUsage: true,
        supportsStructuredOutputs: true,
        ...settings,
      })(model),
    providerOptions: {},
  },
];

let router;
let settings;
before(async () => {
  router = await Router.startForKinds();
  // Tokens are fetched now, so that it is the requests which meet the faults.
  const client = router.openai();
  for (const { model } of KINDS) {
    await client.chat.completions.create({ model, messages: [{ role: 'user', content: 'hello' }] });
  }
  settings = { baseURL: `${router.proxyUrl}/v1`, apiKey: router.key };
});
after(() => router?.stop());

function assertUsed(usage) {
  assert.ok(usage.inputTokens > 0 && usage.outputTokens > 0, JSON.stringify(usage));
}

for (const { speaks, make, providerOptions } of SPEAKERS) {
  for (const { behind, provider, model: name, says, dialect } of KINDS) {
    describe(`AI SDK, ${speaks}, ${behind}`, () => {
      const ask = (more) => ({ model: make(settings)(name), providerOptions, maxRetries: 0, ...more });
      const drain = async (stream) => {
        const parts = [];
        for await (const part of stream.fullStream) {
          if (part.type === 'error') throw part.error;
          parts.push(part);
        }
        return parts;
      };

      test('a text, whole and streamed', async () => {
        const prompt = 'Name a good first product';
        const pattern = new RegExp(`^\\[${says} @ ${provider}\\] .*"${prompt}"\\. .*\\.$`);
        const whole = await generateText(ask({ system: 'Answer briefly.', prompt }));
        assert.match(whole.text, pattern);
        assert.equal(whole.finishReason, 'stop');
        assert.equal(whole.response.modelId, says);
        assertUsed(whole.usage);

        const stream = streamText(ask({ system: 'Answer briefly.', prompt }));
        const parts = await drain(stream);
        assert.ok(parts.filter((part) => part.type === 'text-delta').length > 1, 'it came in pieces');
        assert.match(await stream.text, pattern);
        assert.equal(await stream.finishReason, 'stop');
        assertUsed(await stream.usage);
      });

      for (const how of ['whole', 'streamed']) {
        test(`tools over two steps, ${how}`, async () => {
          const wanted = ask({
            prompt: 'What is the weather in Lisbon and Porto?',
            tools: { weather },
            stopWhen: stepCountIs(3),
          });
          const answer = how === 'whole' ? await generateText(wanted) : streamText(wanted);
          if (how === 'streamed') await drain(answer);
          const [first, second, ...rest] = await answer.steps;
          assert.equal(rest.length, 0);
          assert.equal(first.finishReason, 'tool-calls');
          assert.deepEqual(
            first.toolResults.map((result) => [result.input.city, result.output]),
            [
              ['Lisbon', 'Lisbon: 18 degrees'],
              ['Porto', 'Porto: 18 degrees'],
            ],
          );
          assert.equal(second.finishReason, 'stop');
          assert.match(second.text, /The tools answered: .*Lisbon: 18 degrees.*Porto: 18 degrees/);
          assertUsed(await answer.totalUsage);
        });
      }

      const todo =
        speaks === 'messages' &&
        provider === 'bedrock' &&
        'the simulated Bedrock does not see a choice in additionalModelRequestFields';
      test('an object that fits a schema, whole and streamed', { todo }, async () => {
        const schema = z.object({ title: z.string(), stars: z.number(), tags: z.array(z.string()) });
        const wanted = ask({ prompt: 'Review the product', output: Output.object({ schema }) });
        const whole = await generateText(wanted);
        const stream = streamText(wanted);
        await drain(stream);
        for (const review of [whole.output, await stream.output]) {
          assert.deepEqual([typeof review.title, review.stars, review.tags.length], ['string', 7.5, 1]);
        }
      });

      const FILES = [
        ['an image', PICTURE, /It came with 1 image\./],
        ['a document', DOCUMENT, /It came with 1 document\./],
      ];
      for (const [what, { bytes, mediaType }, came] of FILES) {
        test(`${what} in the prompt`, async () => {
          const content = [
            { type: 'text', text: 'What is this?' },
            { type: 'file', data: bytes, mediaType, filename: 'menu.pdf' },
          ];
          const { text } = await generateText(ask({ messages: [{ role: 'user', content }] }));
          assert.match(text, came);
        });
      }

      test('a failure is an APICallError with the reason, whole and streamed', async () => {
        const message = 'the moon is too bright';
        const body = dialect === 'bedrock-converse' ? { message } : { error: { message, code: 400 } };
        if (dialect === 'gemini') body.error.status = 'INVALID_ARGUMENT';
        if (dialect === 'anthropic') body.error = { type: 'invalid_request_error', message };
        await router.fault(provider, { type: 'status', code: 400, body: JSON.stringify(body) });
        try {
          const told = (error) => {
            assert.ok(APICallError.isInstance(error), `${error.name}: ${error.message}`);
            assert.equal(error.statusCode, 400);
            assert.match(error.message, /the moon is too bright/);
            return true;
          };
          await assert.rejects(generateText(ask({ prompt: 'hello' })), told);
          const stream = streamText(ask({ prompt: 'hello', onError: () => {} }));
          await assert.rejects(drain(stream), told);
        } finally {
          await router.heal(provider);
        }
      });

      test('a stream that breaks off is an error, never a short answer', async () => {
        await router.fault(provider, { type: 'cutStream', afterChunks: 2 });
        try {
          const stream = streamText(ask({ prompt: 'go on', onError: () => {} }));
          let heard = '';
          const drained = (async () => {
            for await (const part of stream.fullStream) {
              if (part.type === 'text-delta') heard += part.text;
              if (part.type === 'error') throw part.error;
            }
          })();
          await assert.rejects(drained, (error) => /broke off/.test(error.message ?? JSON.stringify(error)));
          assert.match(heard, /^\[/, 'what came before the break was relayed');
        } finally {
          await router.heal(provider);
        }
      });
    });
  }
}

for (const { behind, embeds: model } of KINDS.filter((kind) => kind.embeds)) {
  test(`AI SDK: embeddings, ${behind}`, async () => {
    const { embeddings, usage } = await embedMany({
      model: createOpenAI(settings).embedding(model),
      values: ['the first text', 'the second text'],
      maxRetries: 0,
    });
    assert.equal(embeddings.length, 2);
    assert.notDeepEqual(embeddings[0], embeddings[1]);
    assert.ok(Number.isInteger(usage.tokens));
  });
}
