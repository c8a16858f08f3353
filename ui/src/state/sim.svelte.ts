/** The faults set on the simulated providers. Only in demo mode. */
import { sim, type SimFault, type SimProvider } from "../api/sim";
import { Load } from "./load.svelte";

/** What a person can do to a simulated provider, in the order of the list. */
export const faults = [
  { key: "none", word: "None", fault: null },
  { key: "500", word: "500 errors", fault: { type: "status", code: 500 } },
  { key: "refuse", word: "Refuses connections", fault: { type: "refuse" } },
  { key: "silence", word: "Silent", fault: { type: "silence" } },
  { key: "429", word: "Rate limited", fault: { type: "status", code: 429, retryAfterS: 20 } },
] as const satisfies readonly { key: string; word: string; fault: SimFault | null }[];

export type FaultKey = (typeof faults)[number]["key"] | "other";

/** Which entry of the list a fault is; `other` for one that was set elsewhere. */
export function faultKey(fault: SimFault | null): FaultKey {
  if (fault === null) return "none";
  const known = faults.find(
    (entry) => entry.fault?.type === fault.type && ("code" in entry.fault ? entry.fault.code === fault.code : true),
  );
  return known?.key ?? "other";
}

/** A fault in words, also one that is not in the list: `529 errors`, `slow chunks`. */
export function faultWord(fault: SimFault): string {
  return fault.type === "status" && fault.code ? `${fault.code} errors` : fault.type.replaceAll("_", " ");
}

class Sim {
  readonly load = new Load<SimProvider[]>(() => sim.providers());

  async set(name: string, key: string): Promise<void> {
    const entry = faults.find((known) => known.key === key);
    if (!entry) return;
    if (entry.fault) await sim.setFault(name, entry.fault);
    else await sim.clearFault(name);
    await this.load.refresh();
  }
}

export const simulated = new Sim();
