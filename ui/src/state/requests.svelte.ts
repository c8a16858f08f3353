/** The request log: the newest from the stream, older ones on demand. */
import { control } from "../api/control";
import type { RequestView } from "../api/types";
import { Load } from "./load.svelte";

const PAGE = 100;

/** Newest first, one entry per request; the stream's entry wins over a fetched one. */
export function mergeRequests(newest: readonly RequestView[], known: readonly RequestView[]): RequestView[] {
  const seen = new Set(newest.map((request) => request.id));
  return [...newest, ...known.filter((request) => !seen.has(request.id))].sort((a, b) => b.atMs - a.atMs);
}

class Requests {
  readonly load = new Load(() => control.requests(PAGE));
  #ended = $state(false);

  /** Whether the log has nothing older. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Takes the newest of a snapshot into the list, once one was fetched. */
  feed(newest: readonly RequestView[]): void {
    const known = this.load.data;
    const news = newest.some((request) => known?.find((old) => old.id === request.id) !== request);
    if (known && news) this.load.put(mergeRequests(newest, known));
  }

  async open(): Promise<void> {
    await this.load.refresh();
    this.#ended = (this.load.data?.length ?? 0) < PAGE;
  }

  async older(): Promise<void> {
    const known = this.load.data ?? [];
    const last = known.at(-1);
    if (!last) return;
    const page = await control.requests(PAGE, last.atMs);
    this.#ended = page.length < PAGE;
    this.load.put(mergeRequests(known, page));
  }
}

export const requests = new Requests();
