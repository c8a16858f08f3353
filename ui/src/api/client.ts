/** The client of the generated contract: a path or a body that the contract does not know is no valid TypeScript. */
import createClient from "openapi-fetch";

import type { paths } from "./generated";
import { Refusal } from "./refusal";
import { host } from "./transport";

/** openapi-fetch wants absolute addresses; this one is never resolved, the host takes the path alone. */
const ORIGIN = "http://control.invalid";

export const client = createClient<paths>({
  baseUrl: ORIGIN,
  fetch: async (request) => {
    const url = new URL(request.url);
    const text = await request.text();
    const reply = await host().ask(
      request.method,
      url.pathname + url.search,
      text === "" ? undefined : (JSON.parse(text) as unknown),
    );
    const empty = reply.status === 204 || reply.body === undefined || reply.body === null;
    return new Response(empty ? null : JSON.stringify(reply.body), {
      status: reply.status,
      headers: empty ? { "content-length": "0" } : { "content-type": "application/json" },
    });
  },
});

interface Result<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The answer's body; rejects with a `Refusal`. */
export async function done<T>(call: Promise<Result<T>>): Promise<T> {
  let result: Result<T>;
  try {
    result = await call;
  } catch (cause) {
    throw Refusal.from(cause);
  }
  if (!result.response.ok) throw Refusal.of(result.response.status, result.error);
  return result.data as T;
}
