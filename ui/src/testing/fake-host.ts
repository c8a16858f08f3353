/** A host for tests: answers from a table, keeps what was asked, and lets the test drive the stream. */
import type { Host, Reply, WatchEnd } from "../api/host";
import { useHost } from "../api/transport";
import type { Snapshot } from "../api/types";

export interface Asked {
  method: string;
  path: string;
  body: unknown;
}

export class FakeHost implements Host {
  readonly asked: Asked[] = [];
  readonly opened: string[] = [];
  readonly #answers: Record<string, Reply | ((body: unknown) => Reply)>;
  #watchers: { send: (snapshot: Snapshot) => void; end: (how: WatchEnd) => void; fail: (cause: Error) => void }[] = [];
  watches = 0;

  /** `answers` by `METHOD /path`, without the query; anything else answers 204. */
  constructor(answers: Record<string, Reply | ((body: unknown) => Reply)> = {}) {
    this.#answers = answers;
    useHost(this);
  }

  async ask(method: string, path: string, body?: unknown): Promise<Reply> {
    this.asked.push({ method, path, body });
    const answer = this.#answers[`${method} ${path.split("?")[0]}`];
    if (!answer) return { status: 204, body: undefined };
    return typeof answer === "function" ? answer(body) : answer;
  }

  watch(onSnapshot: (snapshot: Snapshot) => void, signal: AbortSignal): Promise<WatchEnd> {
    this.watches += 1;
    return new Promise((resolve, reject) => {
      this.#watchers.push({ send: onSnapshot, end: resolve, fail: reject });
      signal.addEventListener("abort", () => resolve("closed"), { once: true });
    });
  }

  async openExternal(url: string): Promise<void> {
    this.opened.push(url);
  }

  /** Sends a snapshot down the newest stream. */
  send(snapshot: Snapshot): void {
    this.#watchers.at(-1)?.send(snapshot);
  }

  /** Breaks the newest stream off. */
  fail(cause: Error): void {
    this.#watchers.at(-1)?.fail(cause);
  }

  /** Ends the newest stream. */
  end(how: WatchEnd = "closed"): void {
    this.#watchers.at(-1)?.end(how);
  }
}
