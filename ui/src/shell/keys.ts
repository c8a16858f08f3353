/** Keyboard: which keys do what, everywhere. Ctrl on Windows and Linux, Command on a Mac. */
import { tick } from "svelte";

import { sendTestRequest, togglePause } from "../state/actions";
import { menus } from "../state/menu.svelte";
import { asking } from "../state/question.svelte";
import { place, screens } from "../state/screen.svelte";
import { sheets } from "../state/sheet.svelte";

export const mac = /Mac|iP(hone|ad)/.test(globalThis.navigator?.platform ?? "");

/** `Ctrl+P`, or the same with the Command sign's name on a Mac. */
export const keyName = (key: string): string => (mac ? `Cmd ${key}` : `Ctrl ${key}`);

/** Keys for the whole window. Returns how to stop. */
export function listen(openCommands: () => void): () => void {
  const down = (event: KeyboardEvent) => {
    const held = mac ? event.metaKey : event.ctrlKey;
    if (!held || event.altKey || event.shiftKey || asking.question || sheets.open || menus.open) return;
    const action = actionOf(event.key, openCommands);
    if (!action) return;
    event.preventDefault();
    action();
  };
  addEventListener("keydown", down);
  return () => removeEventListener("keydown", down);
}

function actionOf(key: string, openCommands: () => void): (() => void) | null {
  const screen = /^[1-9]$/.test(key) ? screens[Number(key) - 1] : undefined;
  if (screen) return () => place.go(screen);
  switch (key.toLowerCase()) {
    case ",":
      return () => place.go("settings");
    case "p":
      return () => void togglePause();
    case "k":
      return openCommands;
    case "e":
      return () => place.go("map");
    case "enter":
      return place.screen === "signal-box" ? () => void sendTestRequest() : null;
    default:
      return null;
  }
}

/** Moves in a list with the arrows or J and K; `move` gets how far, and the newly selected entry the focus. */
export function listKeys(event: KeyboardEvent & { currentTarget: HTMLElement }, move: (by: number) => void): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const by = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
  if (by === undefined) return;
  event.preventDefault();
  const list = event.currentTarget;
  move(by);
  void tick().then(() => list.querySelector<HTMLElement>('[role="option"][aria-selected="true"]')?.focus());
}

/** Focuses the neighbour of the focused element among `selector` in the event's list. */
export function focusNeighbour(list: HTMLElement, selector: string, by: number): void {
  const all = [...list.querySelectorAll<HTMLElement>(selector)];
  const at = all.findIndex((element) => element === document.activeElement);
  all[Math.min(all.length - 1, Math.max(0, at + by))]?.focus();
}
