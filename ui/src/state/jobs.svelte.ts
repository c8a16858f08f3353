/** The jobs of the cold queue. Fetched again whenever a snapshot says that the queue changed. */
import { control } from "../api/control";
import type { ColdView, JobState, JobView } from "../api/types";
import { Load } from "./load.svelte";

/** As many as the router lists at once. */
const PAGE = 500;

/** The tabs of the Queue screen. */
export const shelves = ["open", "dead", "finished"] as const;
export type Shelf = (typeof shelves)[number];

const onShelf: Record<Shelf, readonly JobState[]> = {
  open: ["waiting", "running"],
  dead: ["dead", "expired"],
  finished: ["done", "discarded"],
};

export const shelfOf = (state: JobState): Shelf =>
  shelves.find((shelf) => onShelf[shelf].includes(state)) ?? "finished";

class Jobs {
  readonly load = new Load(() => control.jobs(PAGE));
  #seen = "";

  of(shelf: Shelf): JobView[] {
    return (this.load.data ?? []).filter((job) => onShelf[shelf].includes(job.state));
  }

  /** Refetches if the snapshot's figures differ from the last ones seen. */
  feed(cold: ColdView): void {
    const figures = JSON.stringify([cold.waiting, cold.dead, cold.done, cold.wagons]);
    if (figures === this.#seen) return;
    this.#seen = figures;
    void this.load.refresh();
  }
}

export const jobs = new Jobs();
