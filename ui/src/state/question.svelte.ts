/** One open question at a time: nothing that stops traffic or loses data is done without one. */

export interface Question {
  title: string;
  text: string;
  /** The verb on the confirming button. */
  verb: string;
  /** Whether the verb takes something away. */
  red?: boolean;
}

class Asking {
  #question = $state.raw<Question | null>(null);
  #answer: ((yes: boolean) => void) | null = null;

  get question(): Question | null {
    return this.#question;
  }

  ask(question: Question): Promise<boolean> {
    this.#answer?.(false);
    this.#question = question;
    return new Promise((resolve) => (this.#answer = resolve));
  }

  answer(yes: boolean): void {
    const answer = this.#answer;
    this.#answer = null;
    this.#question = null;
    answer?.(yes);
  }
}

export const asking = new Asking();
