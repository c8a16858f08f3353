/** Which sheet stands over the screen: one at a time. What it shows is read from the newest snapshot. */
import type { KillScope } from "../api/types";

export type Sheet =
  | { kind: "move"; from?: string }
  | { kind: "split" }
  | { kind: "kill"; scope: KillScope }
  | { kind: "breaker"; route: string }
  | { kind: "except"; provider: string }
  | { kind: "allOff" }
  | { kind: "overrides" }
  | { kind: "why"; route?: string }
  | { kind: "incident"; id: number }
  /** More money for a scope whose budget is used up. */
  | { kind: "allow"; scope: string };

class Sheets {
  #open = $state.raw<Sheet | null>(null);

  get open(): Sheet | null {
    return this.#open;
  }

  show(sheet: Sheet): void {
    this.#open = sheet;
  }

  close(): void {
    this.#open = null;
  }
}

export const sheets = new Sheets();
