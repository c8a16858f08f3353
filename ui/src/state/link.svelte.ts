/**
 * The line to the router: watches it, reconnects with back-off, and keeps the newest snapshot.
 *
 * The snapshot outlives a lost line: the last figures stay readable, marked as such.
 */
import { Refusal } from "../api/refusal";
import { host } from "../api/transport";
import type { Snapshot } from "../api/types";
import { clock } from "./now.svelte";

/**
 * `opening`: no snapshot yet. `open`: live. `lost`: the line broke. `closed`: there is no router, and the host said
 * why. `unauthorized`: the token is not accepted.
 */
export type LinkState = "opening" | "open" | "lost" | "closed" | "unauthorized";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8_000;
/** The desktop's answer while its router starts: no problem yet. */
const OPENING = "router_opening";

/** How long to wait before try number `n` (from 0). */
export const backoff = (n: number): number => Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** n);

class Link {
  #state = $state<LinkState>("opening");
  #snapshot = $state.raw<Snapshot | null>(null);
  #retryAt = $state<number | null>(null);
  #problem = $state.raw<Refusal | null>(null);
  #wake: (() => void) | null = null;

  get state(): LinkState {
    return this.#state;
  }
  get snapshot(): Snapshot | null {
    return this.#snapshot;
  }
  /** Whether the figures are live. */
  get live(): boolean {
    return this.#state === "open";
  }
  /** When the next try is, in this window's own time. */
  get retryAt(): number | null {
    return this.#retryAt;
  }
  /** Why there is no router, while the line is `closed`. */
  get problem(): Refusal | null {
    return this.#problem;
  }

  /** Tries again at once. */
  retry(): void {
    this.#wake?.();
  }

  /** Takes a snapshot; an older one than the newest seen is dropped. */
  take(snapshot: Snapshot): void {
    const last = this.#snapshot;
    const sameRouter = last?.router.pid === snapshot.router.pid && last.router.startedAtMs === snapshot.router.startedAtMs;
    if (last && sameRouter && snapshot.seq < last.seq) return;
    clock.agree(snapshot.atMs);
    this.#snapshot = snapshot;
    this.#state = "open";
    this.#problem = null;
    this.#retryAt = null;
  }

  /** Starts watching; returns how to stop. */
  start(): () => void {
    const stop = new AbortController();
    void this.#run(stop.signal);
    return () => {
      stop.abort();
      this.#wake?.();
    };
  }

  async #run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      try {
        const end = await host().watch((snapshot) => {
          failures = 0;
          this.take(snapshot);
        }, signal);
        this.#ended(end === "unauthorized" ? "unauthorized" : null, failures);
      } catch (cause) {
        this.#problem = cause instanceof Refusal && cause.code !== OPENING ? cause : null;
        this.#ended(this.#problem ? "closed" : null, failures);
      }
      if (signal.aborted) return;
      await this.#pause(backoff(failures), signal);
      failures += 1;
    }
  }

  /** The watch ended; `known` is what it said about that, if anything. */
  #ended(known: LinkState | null, failures: number): void {
    if (known) this.#state = known;
    // Before the first snapshot a short silence is the router starting, not a lost line.
    else if (this.#state === "open" || this.#state === "closed" || (this.#state === "opening" && failures >= 2)) this.#state = "lost";
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    this.#retryAt = Date.now() + ms;
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      const self = this;
      function done() {
        clearTimeout(timer);
        self.#wake = null;
        resolve();
      }
      this.#wake = done;
      signal.addEventListener("abort", done, { once: true });
    });
  }
}

export const link = new Link();
