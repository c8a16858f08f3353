/** Short notices in the corner: what was done, or why it was not. */
import { Refusal } from "../api/refusal";
import type { Lamp } from "../api/types";

export interface Notice {
  id: number;
  lamp: Lamp;
  title: string;
  text: string;
}

const SHOWN_MS = 6_000;

class Notices {
  #list = $state<Notice[]>([]);
  #next = 1;

  get list(): readonly Notice[] {
    return this.#list;
  }

  say(lamp: Lamp, title: string, text = ""): void {
    const id = this.#next++;
    this.#list = [...this.#list, { id, lamp, title, text }].slice(-3);
    setTimeout(() => this.close(id), SHOWN_MS);
  }

  close(id: number): void {
    this.#list = this.#list.filter((notice) => notice.id !== id);
  }

  /** Does `action`; says so if it was refused. Returns whether it was done. */
  async attempt(title: string, action: () => Promise<unknown>): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (cause) {
      this.say("stop", title, Refusal.from(cause).message);
      return false;
    }
  }
}

export const notices = new Notices();
