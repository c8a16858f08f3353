/**
 * What a host gives the window: a way to ask the control API and a way to watch it.
 *
 * Two hosts exist, the desktop (`tauri.ts`) and a browser on a headless router (`http.ts`). Nothing outside
 * this folder knows which one it is.
 */
import type { Snapshot } from "./types";

/** One answer of the control API. `body` is the parsed JSON, or undefined where there was none. */
export interface Reply {
  status: number;
  body: unknown;
}

/** Why a watch ended. `unauthorized` does not heal by trying again. */
export type WatchEnd = "closed" | "unauthorized";

export interface Host {
  /** Asks the control API once. Rejects only where no answer came at all. */
  ask(method: string, path: string, body?: unknown): Promise<Reply>;
  /**
   * Hands over each snapshot until the stream ends or `signal` aborts; resolves with the reason. Rejects with a
   * `Refusal` where there is no router and the host knows why, with anything else where it does not.
   */
  watch(onSnapshot: (snapshot: Snapshot) => void, signal: AbortSignal): Promise<WatchEnd>;
  /** Opens an address in the person's browser. */
  openExternal(url: string): Promise<void>;
}
