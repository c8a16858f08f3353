/** A list fetched from the control API: loading, there, or refused with a reason. The last good list is kept. */
import { Refusal } from "../api/refusal";

export class Load<T> {
  #fetch: () => Promise<T>;
  #data = $state.raw<T | null>(null);
  #refusal = $state.raw<Refusal | null>(null);
  #busy = $state(false);
  #turn = 0;

  constructor(fetch: () => Promise<T>) {
    this.#fetch = fetch;
  }

  get data(): T | null {
    return this.#data;
  }
  get refusal(): Refusal | null {
    return this.#refusal;
  }
  get busy(): boolean {
    return this.#busy;
  }

  /** Puts other data in place, as after a change whose result is known. */
  put(data: T): void {
    this.#data = data;
  }

  /** Fetches; the newest call wins. */
  async refresh(): Promise<void> {
    const turn = ++this.#turn;
    this.#busy = true;
    try {
      const data = await this.#fetch();
      if (turn !== this.#turn) return;
      this.#data = data;
      this.#refusal = null;
    } catch (cause) {
      if (turn === this.#turn) this.#refusal = Refusal.from(cause);
    } finally {
      if (turn === this.#turn) this.#busy = false;
    }
  }
}
