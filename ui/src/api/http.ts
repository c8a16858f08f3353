/** The browser host: the same bundle, served by a headless router on its control port. */
import type { Host, Reply, WatchEnd } from "./host";
import { eventParser } from "./sse";
import type { Session, Snapshot } from "./types";

const KEY = "switchyard.token";

/**
 * Takes the one-time code out of `#code=...`, so that it stays neither in the address bar nor in the history. It is
 * exchanged for the token, which is kept for this tab only.
 */
export function takeCode(): string | null {
  const found = /^#(?:.*&)?code=([^&]+)/.exec(location.hash);
  if (!found?.[1]) return null;
  history.replaceState(null, "", location.pathname + location.search);
  return decodeURIComponent(found[1]);
}

/** The token for a code; the one this tab has already where the code was used before (a reload) or is too old. */
async function tokenFor(code: string | null): Promise<string | null> {
  if (code) {
    const response = await fetch("/v1/window/session", {
      method: "POST",
      headers: { authorization: `Bearer ${code}` },
      cache: "no-store",
    });
    if (response.ok) {
      const session = (await response.json()) as Session;
      sessionStorage.setItem(KEY, session.token);
    }
  }
  return sessionStorage.getItem(KEY);
}

export function httpHost(code: string | null): Host {
  let known: Promise<string | null> | undefined;
  const token = (): Promise<string | null> => {
    known ??= tokenFor(code).catch((cause: unknown) => {
      // Nobody answered, so the code is not used up: the next request tries it again.
      known = undefined;
      throw cause;
    });
    return known;
  };
  const headers = async (): Promise<Record<string, string>> => {
    // The audit log tells the window from the command line by this.
    const actor = { "x-switchyard-actor": "window" };
    const own = await token();
    return own ? { ...actor, authorization: `Bearer ${own}` } : actor;
  };

  return {
    async ask(method, path, body): Promise<Reply> {
      const own = await headers();
      const init: RequestInit = { method, headers: own, cache: "no-store" };
      if (body !== undefined) {
        init.headers = { ...own, "content-type": "application/json" };
        init.body = JSON.stringify(body);
      }
      const response = await fetch(path, init);
      const text = await response.text();
      return { status: response.status, body: text === "" ? undefined : parse(text) };
    },
    async watch(onSnapshot, signal): Promise<WatchEnd> {
      const response = await fetch("/v1/events", {
        headers: { ...(await headers()), accept: "text/event-stream" },
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
      // A map is a document: what it says is not opened blindly (`javascript:`, `file:`).
      if (!/^https?:\/\//i.test(url)) throw new Error(`${url} is not a web address.`);
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
