// One question through either official client, answered in one shape, so that a test can be a table over both.

import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';

const question = (prompt) => [{ role: 'user', content: prompt }];

async function chatStream(client, { model = 'auto', prompt = 'ping', options, seen } = {}) {
  const asked = client.chat.completions.create({ model, stream: true, messages: question(prompt) }, options);
  const { data: stream, response } = await asked.withResponse();
  let [text, finish, answeredBy] = ['', null, null];
  for await (const chunk of stream) {
    answeredBy ??= chunk.model;
    const choice = chunk.choices[0];
    text += choice?.delta.content ?? '';
    finish = choice?.finish_reason ?? finish;
    if (choice?.delta.content) seen?.(text);
  }
  return { text, finish, model: answeredBy, headers: response.headers };
}

async function chat(client, { model = 'auto', prompt = 'ping', options } = {}) {
  const asked = client.chat.completions.create({ model, messages: question(prompt) }, options);
  const { data, response } = await asked.withResponse();
  const choice = data.choices?.[0];
  return {
    text: choice?.message.content,
    finish: choice?.finish_reason,
    model: data.model,
    headers: response.headers,
    data,
    response,
  };
}

async function messageStream(client, { model = 'auto', prompt = 'ping', options, seen } = {}) {
  const stream = client.messages.stream({ model, max_tokens: 500, messages: question(prompt) }, options);
  // Its rejections come out of finalMessage, too.
  stream.on('error', () => {});
  stream.on('text', (_, text) => seen?.(text));
  const message = await stream.finalMessage();
  return { ...told(message), headers: stream.response.headers };
}

async function message(client, { model = 'auto', prompt = 'ping', options } = {}) {
  const asked = client.messages.create({ model, max_tokens: 500, messages: question(prompt) }, options);
  const { data, response } = await asked.withResponse();
  return { ...told(data), headers: response.headers, data, response };
}

function told(message) {
  const text = message.content?.map((block) => block.text ?? '').join('');
  return { text, finish: message.stop_reason, model: message.model };
}

async function response(client, { model = 'auto', prompt = 'ping', options } = {}) {
  const asked = client.responses.create({ model, input: prompt, store: false }, options);
  const { data, response: answer } = await asked.withResponse();
  return {
    text: data.output_text,
    finish: data.status,
    model: data.model,
    headers: answer.headers,
    data,
    response: answer,
  };
}

async function responseStream(client, { model = 'auto', prompt = 'ping', options, seen } = {}) {
  const asked = client.responses.create({ model, input: prompt, store: false, stream: true }, options);
  const { data: stream, response: answer } = await asked.withResponse();
  let [text, last] = ['', null];
  for await (const event of stream) {
    if (event.type === 'response.output_text.delta') {
      text += event.delta;
      seen?.(text);
    }
    if (event.response) last = event.response;
  }
  return { text, finish: last?.status, model: last?.model, headers: answer.headers };
}

/** Both clients: how each asks whole and streamed, and how each says that an answer is complete. */
export const CLIENTS = [
  {
    sdk: 'openai',
    errors: OpenAI,
    complete: 'stop',
    make: (router, options) => router.openai(options),
    whole: chat,
    streamed: chatStream,
    // The error object of an APIError, where this SDK keeps it.
    errorOf: (error) => error.error,
    jobs: '/switchyard/jobs',
    textOf: (result) => result.choices[0].message.content,
  },
  {
    sdk: 'anthropic',
    errors: Anthropic,
    complete: 'end_turn',
    make: (router, options) => router.anthropic(options),
    whole: message,
    streamed: messageStream,
    errorOf: (error) => error.error.error,
    jobs: '/v1/switchyard/jobs',
    textOf: (result) => told(result).text,
  },
];

/** Every way to ask a provider of whatever kind: the clients, and the OpenAI client's newer API. */
export const APIS = [
  ...CLIENTS,
  {
    ...CLIENTS[0],
    sdk: 'openai responses',
    complete: 'completed',
    whole: response,
    streamed: responseStream,
    textOf: (result) =>
      result.output
        .flatMap((item) => item.content ?? [])
        .map((part) => part.text ?? '')
        .join(''),
  },
];

/** Both clients, whole and streamed. */
export const WAYS = CLIENTS.flatMap((client) => [
  { ...client, way: `${client.sdk}, whole`, ask: client.whole },
  { ...client, way: `${client.sdk}, streamed`, ask: client.streamed },
]);
