/** Why the control API did not do what was asked, as something a person can read. */
import type { Fault, Problem } from "./types";

export class Refusal extends Error {
  override name = "Refusal";

  constructor(
    /** Stable: `map_invalid`, `stale_base_version`, `keychain_unavailable`, `unreachable`, ... */
    readonly code: string,
    message: string,
    readonly status: number,
    readonly faults: Fault[] = [],
  ) {
    super(message);
  }

  static of(status: number, body: unknown): Refusal {
    const outer = (typeof body === "object" && body !== null ? body : {}) as Partial<Problem> & { error?: Partial<Problem> };
    // The simulated providers' routes wrap it in `error`.
    const problem: Partial<Problem> = typeof outer.error === "object" ? outer.error : outer;
    return new Refusal(
      problem.code ?? `status_${status}`,
      problem.message ?? `The router answered ${status} without a reason.`,
      status,
      problem.faults ?? [],
    );
  }

  /** Whatever was thrown, as a refusal. */
  static from(cause: unknown): Refusal {
    if (cause instanceof Refusal) return cause;
    const detail = cause instanceof Error ? cause.message : String(cause);
    return new Refusal("unreachable", `The router does not answer (${detail}). Is it running?`, 0);
  }
}
