/** Picks the host this window runs in. */
import { isTauri } from "@tauri-apps/api/core";

import type { Host } from "./host";
import { httpHost, takeCode } from "./http";
import { tauriHost } from "./tauri";

let chosen: Host | undefined;

/** The host, chosen once at the first use. */
export function host(): Host {
  chosen ??= isTauri() ? tauriHost() : httpHost(takeCode());
  return chosen;
}

/** Puts another host in place: tests and the page harness drive the window through one. */
export function useHost(other: Host): void {
  chosen = other;
}
