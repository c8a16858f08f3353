/** The status sentence: the router's own while the line is open, the window's when it is not. */
import type { Refusal } from "../api/refusal";
import type { Lamp, Snapshot } from "../api/types";
import { timeWithSeconds } from "../shared/format";
import type { LinkState } from "../state/link.svelte";
import { problemTitle } from "./problem";

export interface Says {
  lamp: Lamp;
  state: string;
  sentence: string;
}

export function statusOf(state: LinkState, snapshot: Snapshot | null, problem: Refusal | null = null): Says {
  const figures = snapshot ? ` Figures are from ${timeWithSeconds(snapshot.atMs)}.` : "";
  switch (state) {
    case "open":
      return snapshot?.status ?? { lamp: "unknown", state: "Starting.", sentence: "" };
    case "opening":
      return { lamp: "unknown", state: "Connecting.", sentence: "Waiting for the router's first figures." };
    case "lost":
      return { lamp: "unknown", state: "Not connected.", sentence: `The router does not answer this window.${figures}` };
    case "closed":
      return { lamp: "stop", state: `${problemTitle(problem)}.`, sentence: `Apps get no answer until it is solved.${figures}` };
    case "unauthorized":
      return { lamp: "stop", state: "Not allowed.", sentence: `The router does not accept this window's token.${figures}` };
  }
}
