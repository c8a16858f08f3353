/** Money: what is read of it for the Budget screen, and work that goes on where money paused it. */
import { money, type SpendBy } from "../api/money";
import { Refusal } from "../api/refusal";
import type { Pause, ResumedBudget, Snapshot } from "../api/types";
import { asksAmount, budgetNameOf, capital, scopeOf, scopeOfCause } from "../shared/budgets";
import { type Period, spanOf } from "../shared/spend";
import { link } from "./link.svelte";
import { Load } from "./load.svelte";
import { notices } from "./notices.svelte";
import { clock } from "./now.svelte";
import { sheets } from "./sheet.svelte";

/** The reason that is sent where nobody wrote one. */
const RESUMED = "resumed in the window";

/** Spend is asked for again at most this often while it grows. */
const AGAIN_MS = 5_000;

/** What came of a resume, in words. */
export function resumedWords({ opened, stillReached, lifted }: ResumedBudget): { done: boolean; title: string; text: string } {
  if (stillReached.length > 0) {
    const [first = ""] = stillReached;
    return {
      done: false,
      title: `${capital(stillReached.map(budgetNameOf).join(" and "))} ${stillReached.length === 1 ? "is" : "are"} still used up`,
      text: `Nothing is left of ${stillReached.length === 1 ? "it" : "them"}. Allow more than is spent above the cap, raise the cap in the map, or wait until it begins anew${scopeOf(first) === "total" ? "" : "; the rest works on"}.`,
    };
  }
  if (opened.length + lifted.length === 0) return { done: true, title: "Nothing was paused there", text: "" };
  const text = opened.length === 0 ? "" : `Up to the cap of ${opened.map(budgetNameOf).join(" and ")}.`;
  return { done: true, title: "New work is taken again", text };
}

/** Lets new work go on where this cause holds it. A budget that is used up is asked for an amount first. */
export async function resumeMoney(pause: Pause): Promise<void> {
  if (!link.live) return;
  const scope = scopeOfCause(pause.cause);
  if (asksAmount(pause, link.snapshot?.budgets)) return sheets.show({ kind: "allow", scope });
  await notices.attempt("New work still waits", async () => {
    const { done, title, text } = resumedWords(await money.resume({ scope, reason: RESUMED }));
    notices.say(done ? "clear" : "stop", title, text);
  });
}

/** Allows more of what is used up in a scope. Rejects where nothing is left all the same, so that a sheet can say so. */
export async function allowMore(scope: string, overNanoUsd: number | null, reason: string): Promise<void> {
  const answer = await money.resume({ scope, ...(overNanoUsd === null ? {} : { overNanoUsd }), reason: reason || RESUMED });
  const { done, title, text } = resumedWords(answer);
  if (!done) throw new Refusal("still_reached", `${title}. ${text}`, 200);
  notices.say("clear", title, text);
}

class Spent {
  #by = $state<SpendBy>("provider");
  #period = $state<Period>("month");
  #seen = "";
  #askedAt = 0;
  readonly load = new Load(() => {
    const { sinceMs, untilMs } = spanOf(this.#period, clock.now, link.snapshot?.budgets);
    return money.spend(this.#by, sinceMs, untilMs);
  });

  get by(): SpendBy {
    return this.#by;
  }
  get period(): Period {
    return this.#period;
  }

  choose(by: SpendBy, period: Period): void {
    this.#by = by;
    this.#period = period;
    void this.load.refresh();
  }

  /** Asks again where a snapshot shows other amounts than when it was last asked, now and then. */
  feed(snapshot: Snapshot, nowMs: number): void {
    const seen = JSON.stringify([(snapshot.budgets ?? []).map(({ spent }) => spent), snapshot.requests[0]?.id]);
    if (seen === this.#seen || this.load.busy || nowMs - this.#askedAt < AGAIN_MS) return;
    this.#seen = seen;
    this.#askedAt = nowMs;
    void this.load.refresh();
  }

  /** The screen was opened: asks for the newest. */
  open(): void {
    this.#seen = "";
    this.#askedAt = 0;
  }
}

export const spent = new Spent();
export const readMoney = new Load(() => money.read());
