/** The desktop host: the router runs in this process, and the window reaches it without a port. */
import { Channel, invoke } from "@tauri-apps/api/core";

import type { Host, Reply, WatchEnd } from "./host";
import { Refusal } from "./refusal";
import type { Snapshot } from "./types";

/** Silence longer than this makes the window ask whether the router is still there. */
const SILENCE_MS = 15_000;

export function tauriHost(): Host {
  const ask = (method: string, path: string, body?: unknown): Promise<Reply> =>
    invoke<Reply>("control", { method, path, body: body ?? null });

  return {
    ask,
    async watch(onSnapshot, signal): Promise<WatchEnd> {
      let heardAt = Date.now();
      const channel = new Channel<Snapshot>();
      channel.onmessage = (snapshot) => {
        if (signal.aborted) return;
        heardAt = Date.now();
        onSnapshot(snapshot);
      };
      try {
        await invoke("watch", { channel });
      } catch (cause) {
        throw await reason(ask, cause);
      }
      // The channel has no end of its own: a router that stopped is noticed by asking it.
      return new Promise((resolve) => {
        const timer = setInterval(async () => {
          if (signal.aborted) return finish();
          if (Date.now() - heardAt < SILENCE_MS) return;
          try {
            const reply = await ask("GET", "/v1/snapshot");
            if (reply.status >= 500) return finish();
            heardAt = Date.now();
          } catch {
            finish();
          }
        }, 1_000);
        const finish = () => {
          clearInterval(timer);
          channel.onmessage = () => {};
          resolve("closed");
        };
        signal.addEventListener("abort", finish, { once: true });
      });
    },
    async openExternal(url) {
      await invoke("open_external", { url });
    },
  };
}

/** Why there is no router to watch: the command rejects with a sentence, the control API names the code, too. */
async function reason(ask: Host["ask"], cause: unknown): Promise<unknown> {
  try {
    const reply = await ask("GET", "/v1/snapshot");
    return reply.status === 503 ? Refusal.of(reply.status, reply.body) : cause;
  } catch {
    return cause;
  }
}
