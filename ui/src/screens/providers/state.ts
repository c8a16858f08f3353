/** How a provider stands, its keys first, then its routes: one word and a lamp. */
import type { Lamp, ProviderView, RouteView } from "../../api/types";
import { stopped } from "../../diagram/lanes";
import { failureShort } from "../../shared/words";

interface State {
  word: string;
  lamp: Lamp;
}

export function providerState(provider: ProviderView, routes: readonly RouteView[]): State {
  const keys = keyState(provider);
  if (keys.lamp !== "clear") return keys;
  const serving = routes.filter((route) => route.provider === provider.name && route.inService && !route.offInMap);
  const down = serving.filter(stopped);
  const tested = serving.find((route) => route.lamp === "caution");
  if (down.length === 0) return tested ? { word: `${tested.signal}${tested.detail ? ` · ${tested.detail}` : ""}`, lamp: "caution" } : keys;
  const first = down[0];
  return down.length === serving.length
    ? { word: first?.detail ? `Stop · ${first.detail}` : "Stop", lamp: "stop" }
    : { word: `${down.length} of ${serving.length} routes stopped`, lamp: "caution" };
}

function keyState(provider: ProviderView): State {
  if (!provider.needsCredential) return { word: "No key needed", lamp: "clear" };
  const found = provider.credentials.filter((key) => key.foundIn !== "missing");
  if (found.length === 0) return { word: "Key missing", lamp: "stop" };
  const good = found.filter((key) => !key.condemned);
  if (good.length === 0) {
    const condemned = found[0]?.condemned;
    return { word: condemned ? failureShort(condemned) : "Not usable", lamp: "stop" };
  }
  return good.length < found.length ? { word: "One key not used", lamp: "caution" } : { word: "Key set", lamp: "clear" };
}

/** The name a pasted key is stored under: the first missing one, else the first, else the provider's. */
export function storageName(provider: ProviderView): string {
  const stored = provider.credentials.find((key) => key.foundIn === "missing") ?? provider.credentials.find((key) => key.foundIn === "keychain");
  return stored?.name ?? provider.name;
}
