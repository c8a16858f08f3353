/**
 * The simulated providers' own admin routes, which only routers that have such providers serve: typed here by what the
 * window needs of them.
 */
import { ask } from "./ask";

/** A fault as the simulated provider reads it. */
export interface SimFault {
  type: string;
  code?: number;
  retryAfterS?: number;
}

/** One simulated provider and the fault set on it, if any. */
export interface SimProvider {
  name: string;
  fault: SimFault | null;
}

/** Reads the list: bare or under `providers`, with one `fault` or a list of `faults` (rules) each. */
export function readProviders(body: unknown): SimProvider[] {
  const list = Array.isArray(body) ? body : ((body as { providers?: unknown[] } | null)?.providers ?? []);
  return list.map((entry) => {
    const { name, fault, faults } = entry as { name: string; fault?: unknown; faults?: unknown[] };
    return { name, fault: readFault(fault ?? faults?.[0]) };
  });
}

function readFault(value: unknown): SimFault | null {
  if (typeof value !== "object" || value === null) return null;
  const { type, fault } = value as { type?: unknown; fault?: unknown };
  return typeof type === "string" ? (value as SimFault) : readFault(fault);
}

export const sim = {
  providers: async () => readProviders(await ask("GET", "/v1/sim/providers")),
  setFault: (name: string, fault: SimFault) =>
    ask("PUT", `/v1/sim/providers/${encodeURIComponent(name)}/fault`, { fault }),
  clearFault: (name: string) => ask("DELETE", `/v1/sim/providers/${encodeURIComponent(name)}/fault`),
};
