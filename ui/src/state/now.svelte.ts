/**
 * The window's clock: one tick a second for everything that counts down, in the router's time.
 *
 * Figures in a snapshot are the router's; its clock and this window's may differ, so the difference is kept.
 */
class Clock {
  #local = $state(Date.now());
  #ahead = $state(0);

  /** The router's time now, UTC epoch milliseconds. */
  get now(): number {
    return this.#local + this.#ahead;
  }

  /** Notes what the router's clock says at this moment. */
  agree(routerMs: number): void {
    this.#local = Date.now();
    const ahead = routerMs - this.#local;
    // Below a second it is the way here, not the clock.
    this.#ahead = Math.abs(ahead) < 1_000 ? 0 : ahead;
  }

  start(): () => void {
    const timer = setInterval(() => (this.#local = Date.now()), 1_000);
    return () => clearInterval(timer);
  }
}

export const clock = new Clock();
