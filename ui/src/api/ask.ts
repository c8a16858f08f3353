/** One call of the control API outside of the generated client: paths that are data, or not part of the contract. */
import { Refusal } from "./refusal";
import { host } from "./transport";

/** The answer's body; rejects with a `Refusal`. */
export async function ask(method: string, path: string, body?: unknown): Promise<unknown> {
  let reply;
  try {
    reply = await host().ask(method, path, body);
  } catch (cause) {
    throw Refusal.from(cause);
  }
  if (reply.status >= 300) throw Refusal.of(reply.status, reply.body);
  return reply.body;
}
