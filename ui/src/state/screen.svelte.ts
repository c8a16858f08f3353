/** Which screen is shown. Lives in the address's hash, so that back, forward and reload work in both hosts. */

export const screens = ["signal-box", "requests", "queue", "budget", "map", "providers", "settings"] as const;
export type Screen = (typeof screens)[number];

export const screenTitle: Record<Screen, string> = {
  "signal-box": "Signal box",
  requests: "Requests",
  queue: "Queue",
  budget: "Budget",
  map: "Map",
  providers: "Providers",
  settings: "Settings",
};

/** The screen and what is selected on it: `#/requests/req_1` is the request `req_1`. */
export function readHash(hash: string): { screen: Screen; item: string | null } {
  const [, name = "", ...rest] = hash.replace(/^#/, "").split("/");
  const screen = screens.find((known) => known === name) ?? "signal-box";
  const item = rest.join("/");
  return { screen, item: item === "" ? null : decodeURIComponent(item) };
}

class Place {
  #at = $state.raw(readHash(globalThis.location?.hash ?? ""));

  get screen(): Screen {
    return this.#at.screen;
  }
  get item(): string | null {
    return this.#at.item;
  }

  go(screen: Screen, item?: string): void {
    location.hash = address(screen, item);
    this.#at = readHash(location.hash);
  }

  /** Selects on the same screen without a step in the history. */
  select(item: string): void {
    history.replaceState(null, "", address(this.screen, item));
    this.#at = { screen: this.screen, item };
  }

  start(): () => void {
    const read = () => (this.#at = readHash(location.hash));
    addEventListener("hashchange", read);
    return () => removeEventListener("hashchange", read);
  }
}

export const address = (screen: Screen, item?: string): string =>
  `#/${screen}${item === undefined ? "" : `/${encodeURIComponent(item)}`}`;

export const place = new Place();
