// Google's official client (@google/genai) through the router to every kind of provider.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { ApiError, FunctionCallingConfigMode, Type } from '@google/genai';

import { KINDS, MODELS } from './support/fleet.js';
import { DOCUMENT, PICTURE } from './support/files.js';
import { Router } from './support/router.js';

const WEATHER = {
  name: 'get_weather',
  description: 'The weather in one city',
  parameters: { type: Type.OBJECT, properties: { city: { type: Type.STRING } }, required: ['city'] },
};

let router;
let client;
before(async () => {
  router = await Router.startForKinds();
  client = router.google();
});
after(() => router?.stop());

const header = (answer, name) => answer.sdkHttpResponse.headers[name];

/** A stream's chunks, and what they say together. */
async function gathered(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  const parts = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
  const said = parts.filter((part) => part.text && !part.thought).map((part) => part.text);
  return { chunks, parts, said, text: said.join(''), last: chunks.at(-1) };
}

for (const { behind, provider, route, model, says, dialect, embeds, thinks, thinksUnasked } of KINDS) {
  describe(`Google client, ${behind}`, () => {
    test('an answer', async () => {
      const answer = await client.models.generateContent({
        model,
        contents: 'Name a good first product',
        config: { systemInstruction: 'Answer briefly.' },
      });
      assert.match(answer.text, new RegExp(`^\\[${says} @ ${provider}\\] .*"Name a good first product"`));
      assert.equal(answer.modelVersion, says, 'the model is the one that answered');
      assert.ok(answer.responseId);
      const [{ finishReason, content }] = answer.candidates;
      assert.deepEqual([finishReason, content.role], ['STOP', 'model']);
      const { promptTokenCount, candidatesTokenCount, totalTokenCount } = answer.usageMetadata;
      assert.ok(promptTokenCount > 0 && candidatesTokenCount > 0 && totalTokenCount > promptTokenCount);
      assert.equal(header(answer, 'x-switchyard-route'), route);
      // The seal of another vendor's thinking that nobody asked for has no place, which is told.
      const isLost = thinksUnasked && dialect !== 'gemini';
      const lost = isLost ? 'thinking_signature_dropped content' : undefined;
      assert.equal(header(answer, 'x-switchyard-degradations'), lost);
    });

    test('a stream', async () => {
      const asked = { model, contents: 'Say something longer about streams' };
      const { text, said, last } = await gathered(await client.models.generateContentStream(asked));
      assert.match(text, new RegExp(`^\\[${says} @ ${provider}\\] .*"Say something longer about streams"\\. .*\\.$`));
      assert.ok(said.length > 1, 'it came in pieces');
      assert.equal(last.candidates[0].finishReason, 'STOP');
      assert.ok(last.usageMetadata.promptTokenCount > 0 && last.usageMetadata.candidatesTokenCount > 0);
      assert.equal(last.modelVersion, says);
    });

    test('a chat keeps its history, streamed and whole', async () => {
      const chat = client.chats.create({ model });
      await gathered(await chat.sendMessageStream({ message: 'first things first' }));
      const second = await chat.sendMessage({ message: 'and then' });
      assert.match(second.text, /"and then"/);
      assert.deepEqual(
        chat.getHistory(true).map((turn) => turn.role).filter((role, at, all) => role !== all[at - 1]),
        ['user', 'model', 'user', 'model'],
      );
    });

    for (const streamed of [false, true]) {
      test(`parallel tools and their results, ${streamed ? 'streamed' : 'whole'}`, async () => {
        const asked = { role: 'user', parts: [{ text: 'What is the weather in Lisbon and Porto?' }] };
        const ask = async (contents) => {
          const body = { model, contents, config: { tools: [{ functionDeclarations: [WEATHER] }] } };
          if (!streamed) return (await client.models.generateContent(body)).candidates[0].content.parts;
          return (await gathered(await client.models.generateContentStream(body))).parts;
        };
        const first = await ask([asked]);
        const calls = first.map((part) => part.functionCall).filter(Boolean);
        assert.deepEqual(
          calls.map((call) => [call.name, call.args]),
          [
            ['get_weather', { city: 'Lisbon' }],
            ['get_weather', { city: 'Porto' }],
          ],
        );
        // Google's own models before Gemini 3 give no ids.
        const ids = calls.flatMap(({ id }) => id ?? []);
        assert.equal(new Set(ids).size, dialect === 'gemini' ? ids.length : 2);
        const said = ['18 degrees, clear', '14 degrees, rain'];
        const results = calls.map(({ id, name }, n) => ({
          functionResponse: { id, name, response: { output: said[n] } },
        }));
        const parts = first.filter((part) => part.functionCall || part.text || part.thoughtSignature);
        const second = await ask([asked, { role: 'model', parts }, { role: 'user', parts: results }]);
        const text = second.map((part) => part.text ?? '').join('');
        assert.match(text, /The tools answered: 18 degrees, clear; 14 degrees, rain/);
      });
    }

    test('a function that has to be called', async () => {
      const answer = await client.models.generateContent({
        model,
        contents: 'Tell me of Lisbon',
        config: {
          tools: [{ functionDeclarations: [WEATHER] }],
          toolConfig: {
            functionCallingConfig: { mode: FunctionCallingConfigMode.ANY, allowedFunctionNames: ['get_weather'] },
          },
        },
      });
      assert.equal(answer.functionCalls[0].name, 'get_weather');
    });

    test('a JSON schema, in either of its forms', async () => {
      const own = {
        type: Type.OBJECT,
        properties: { title: { type: Type.STRING }, stars: { type: Type.INTEGER } },
        required: ['title', 'stars'],
        propertyOrdering: ['title', 'stars'],
      };
      const plain = {
        type: 'object',
        properties: { title: { type: 'string' }, stars: { type: 'integer' } },
        required: ['title', 'stars'],
        additionalProperties: false,
      };
      for (const schema of [{ responseSchema: own }, { responseJsonSchema: plain }]) {
        const answer = await client.models.generateContent({
          model,
          contents: 'Review the product',
          config: { responseMimeType: 'application/json', ...schema },
        });
        const review = JSON.parse(answer.text);
        assert.deepEqual([Object.keys(review).sort(), review.stars], [['stars', 'title'], 7]);
      }
    });

    for (const [what, file, came] of [
      ['an image', PICTURE, /It came with 1 image\./],
      ['a document', DOCUMENT, /It came with 1 document\./],
    ]) {
      test(`${what} in the prompt`, async () => {
        const inlineData = { mimeType: file.mediaType, data: file.data };
        const contents = [{ role: 'user', parts: [{ text: 'What is this?' }, { inlineData }] }];
        assert.match((await client.models.generateContent({ model, contents })).text, came);
      });
    }

    test('a length limit is told as such', async () => {
      const asked = { model, contents: 'Tell me a lot', config: { maxOutputTokens: 30 } };
      const cut = await client.models.generateContent(asked);
      assert.equal(cut.candidates[0].finishReason, 'MAX_TOKENS');
    });

    test('thoughts stand apart from the answer', { skip: !thinks && 'it does not think' }, async () => {
      const config = { thinkingConfig: { includeThoughts: true, thinkingBudget: 2000 }, maxOutputTokens: 4000 };
      const answer = await client.models.generateContent({ model, contents: 'Think it over', config });
      assert.match(answer.text, new RegExp(`^\\[${says} @ ${provider}\\]`));
      assert.ok(answer.candidates[0].content.parts.some((part) => part.thought));
    });

    const skip = provider === 'bedrock' && 'the simulated Bedrock does not count tokens yet';
    test('tokens are counted', { skip }, async () => {
      const short = await client.models.countTokens({ model, contents: 'hello' });
      const long = await client.models.countTokens({ model, contents: 'tram '.repeat(1000) });
      assert.ok(short.totalTokens > 0 && long.totalTokens > 500, `${short.totalTokens}, ${long.totalTokens}`);
    });

    test('texts have vectors', { skip: embeds === null && 'it has none' }, async () => {
      const contents = ['the first text', 'the second text', 'the first text'];
      const { embeddings } = await client.models.embedContent({ model: embeds, contents });
      const [first, second, third] = embeddings.map((entry) => entry.values);
      assert.deepEqual(first, third);
      assert.notDeepEqual(first, second);
    });
  });
}

describe('Google client', () => {
  test('the models are those of the map, and each can be asked for by name', async () => {
    const names = [];
    for await (const model of await client.models.list()) names.push(model.name);
    assert.deepEqual(names, MODELS.map((name) => `models/${name}`));
    const one = await client.models.get({ model: 'auto' });
    assert.equal(one.name, 'models/auto');
  });

  test('a wrong key, a wrong request and a broken provider are errors of its own kind', async () => {
    const ask = (client, more) => client.models.generateContent({ model: 'auto', contents: 'hello', ...more });
    const fails = (asked, status, says) =>
      assert.rejects(asked, (error) => {
        assert.ok(error instanceof ApiError, `${error.constructor.name}: ${error.message}`);
        assert.equal(error.status, status, error.message);
        assert.match(error.message, says);
        return true;
      });
    await fails(ask(router.google({ apiKey: 'wrong' })), 401, /UNAUTHENTICATED.*invalid_local_key/);
    await fails(ask(client, { config: { temperature: 'hot' } }), 400, /temperature/);
    await router.fault('openai', { type: 'status', code: 400 });
    try {
      await fails(ask(client, { model: 'switchyard/on-openai' }), 400, /INVALID_ARGUMENT/);
    } finally {
      await router.heal('openai');
    }
  });

  test('a stream that breaks off is an error, and no short answer', async () => {
    await router.fault('anthropic', { type: 'cutStream', afterChunks: 2 });
    try {
      const stream = await client.models.generateContentStream({
        model: 'switchyard/on-anthropic',
        contents: 'Say something longer about streams',
      });
      await assert.rejects(gathered(stream), (error) => {
        assert.ok(error instanceof ApiError, `${error.constructor.name}: ${error.message}`);
        assert.match(error.message, /broke off/);
        return true;
      });
    } finally {
      await router.heal('anthropic');
    }
  });
});
