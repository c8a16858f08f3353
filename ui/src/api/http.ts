/** The browser host: the same bundle, served by a headless router on its control port. */
import type { Host, Reply, WatchEnd } from "./host";
import { eventParser } from "./sse";
import type { Snapshot } from "./types";

const KEY = "switchyard.token";

/**
 * Takes the token out of `#token=...`, so that it stays neither in the address bar nor in the history, and
 * keeps it for this tab only.
 */
export function takeToken(): string | null {
  const found = /^#(?:.*&)?token=([^&]+)/.exec(location.hash);
  if (found?.[1]) {
    sessionStorage.setItem(KEY, decodeURIComponent(found[1]));
    history.replaceState(null, "", location.pathname + location.search);
  }
  return sessionStorage.getItem(KEY);
}

export function httpHost(token: string | null): Host {
  // The audit log tells the window from the command line by this.
  const actor = { "x-switchyard-actor": "window" };
  const headers = (): Record<string, string> => (token ? { ...actor, authorization: `Bearer ${token}` } : actor);

  return {
    async ask(method, path, body): Promise<Reply> {
      const init: RequestInit = { method, headers: headers(), cache: "no-store" };
      if (body !== undefined) {
        init.headers = { ...headers(), "content-type": "application/json" };
        init.body = JSON.stringify(body);
      }
      const response = await fetch(path, init);
      const text = await response.text();
      return { status: response.status, body: text === "" ? undefined : parse(text) };
    },
    async watch(onSnapshot, signal): Promise<WatchEnd> {
      const response = await fetch("/v1/events", {
        headers: { ...headers(), accept: "text/event-stream" },
        cache: "no-store",
        signal,
      });
      if (response.status === 401 || response.status === 403) return "unauthorized";
      if (!response.ok || !response.body) return "closed";
      const feed = eventParser(({ event, data }) => {
        if (event === "snapshot") onSnapshot(JSON.parse(data) as Snapshot);
      });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return "closed";
        feed(value);
      }
    },
    async openExternal(url) {
      window.open(url, "_blank", "noopener,noreferrer");
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { code: "not_json", message: text.slice(0, 200) };
  }
}
