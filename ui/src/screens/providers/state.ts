/** How a provider stands as to its keys: one word and a lamp. */
import type { Lamp, ProviderView } from "../../api/types";
import { failureShort } from "../../shared/words";

export function providerState(provider: ProviderView): { word: string; lamp: Lamp } {
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
