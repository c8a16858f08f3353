/** The forms of the single orders: what is asked, what it means, what is sent. Pure but for the call itself. */
import { operate } from "../api/operate";
import type { BreakerOrder } from "../api/types";
import { scopeWords } from "../shared/overrides";
import { routeLabel } from "../shared/words";
import type { Sheet } from "../state/sheet.svelte";

export interface OrderForm {
  title: string;
  text: string;
  verb: string;
  red: boolean;
  /** Whether it can lapse by itself. */
  expires: boolean;
  /** What the circuit is to be, where that is asked. */
  states: readonly { value: BreakerOrder; words: string; hint: string }[];
  /** Does it; returns what a person should know of what it does. */
  submit: (reason: string, forMs: number | null, state: BreakerOrder) => Promise<string[]>;
}

export type OrderSheetKind = Extract<Sheet, { kind: "kill" | "breaker" | "except" | "allOff" }>;

export function orderForm(sheet: OrderSheetKind): OrderForm {
  switch (sheet.kind) {
    case "kill": {
      const words = scopeWords(sheet.scope);
      return {
        title: `Take ${words} out of service`,
        text: "New requests pass it by. Requests on it finish.",
        verb: "Take out of service",
        red: true,
        expires: true,
        states: [],
        submit: (reason, forMs) => operate.kill(sheet.scope, true, reason, forMs),
      };
    }
    case "breaker":
      return {
        title: `Circuit of ${routeLabel(sheet.route)}`,
        text: "Held by hand, it does not move by itself until the order lapses or you take it back.",
        verb: "Set circuit",
        red: false,
        expires: true,
        states: [
          { value: "open", words: "Hold open", hint: "No call goes there." },
          { value: "closed", words: "Hold closed", hint: "Failures are counted and shown; they do not open it." },
          { value: "auto", words: "Automatic", hint: "As the map says." },
        ],
        submit: (reason, forMs, state) => operate.breaker(sheet.route, state, reason, state === "auto" ? null : forMs),
      };
    case "except":
      return {
        title: `Leave ${sheet.provider} out`,
        text: `No job uses ${sheet.provider}. Overrides from before are kept. Jobs with nothing else left go to Cold.`,
        verb: `Leave ${sheet.provider} out`,
        red: true,
        expires: true,
        states: [],
        submit: (reason, forMs) => operate.except(sheet.provider, true, reason, forMs),
      };
    case "allOff":
      return {
        title: "Switch everything off",
        text: "Every new request gets an immediate, well-formed refusal. Nothing is sent, nothing is queued. Requests under way finish.",
        verb: "Switch everything off",
        red: true,
        expires: false,
        states: [],
        submit: (reason) => operate.allOff(true, reason),
      };
  }
}
