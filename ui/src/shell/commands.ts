/** What the command list offers: every screen and every action with its own place in the window. */
import type { Snapshot } from "../api/types";
import { budgetName, capital, moneyPauses, ofCap } from "../shared/budgets";
import { count } from "../shared/format";
import { overridesOf } from "../shared/overrides";
import { copy, sendTestRequest, togglePause } from "../state/actions";
import { link } from "../state/link.svelte";
import { resumeMoney } from "../state/money.svelte";
import { checkNetwork, currentShift, failback, holdShift, switchOn, takeBackShift } from "../state/operations";
import { place, screens, screenTitle } from "../state/screen.svelte";
import { sheets } from "../state/sheet.svelte";
import { theme } from "../state/theme.svelte";
import { heldWords, pauseTitle } from "./money-banner";

export interface Command {
  title: string;
  hint: string;
  run: () => void;
}

export function commands(): Command[] {
  const snapshot = link.snapshot;
  const list: Command[] = screens.map((screen) => ({ title: screenTitle[screen], hint: "Screen", run: () => place.go(screen) }));
  if (snapshot && link.live) {
    const { proxyUrl } = snapshot.router;
    list.push(
      { title: snapshot.pause.paused ? "Resume new work" : "Pause new work", hint: "Router", run: () => void togglePause() },
      { title: "Send a test request", hint: "Router", run: () => void sendTestRequest() },
      { title: "Copy the OpenAI address", hint: `${proxyUrl}/v1`, run: () => void copy(`${proxyUrl}/v1`, "Address") },
      { title: "Copy the Anthropic address", hint: proxyUrl, run: () => void copy(proxyUrl, "Address") },
    );
    list.push(...operations(snapshot));
    list.push(...moneyCommands(snapshot));
    for (const provider of snapshot.providers) {
      list.push({ title: provider.name, hint: "Provider", run: () => place.go("providers", provider.name) });
    }
    for (const request of snapshot.requests.slice(0, 20)) {
      list.push({ title: request.id, hint: `Request, ${request.job}`, run: () => place.go("requests", request.id) });
    }
  }
  list.push(
    { title: "Dark theme", hint: "Window", run: () => theme.set("dark") },
    { title: "Light theme", hint: "Window", run: () => theme.set("light") },
    { title: "Theme as the system", hint: "Window", run: () => theme.set("system") },
  );
  return list;
}

/** Budgets to look at, and pauses of money to end. */
function moneyCommands(snapshot: Snapshot): Command[] {
  const pauses = moneyPauses(snapshot.pause.causes);
  return [
    ...pauses.map((pause) => ({ title: `Resume ${heldWords(pause.cause)}`, hint: pauseTitle(pause, snapshot.budgets), run: () => void resumeMoney(pause) })),
    ...(snapshot.budgets ?? []).map((budget) => ({ title: capital(budgetName(budget).replace(/^the /, "")), hint: ofCap(budget), run: () => place.go("budget", budget.id) })),
  ];
}

/** What can be done about traffic now. */
function operations(snapshot: Snapshot): Command[] {
  const list: Command[] = [];
  const add = (title: string, hint: string, run: () => unknown) => list.push({ title, hint, run: () => void run() });
  const shift = currentShift(snapshot);
  if (shift) {
    const whose = `Move ${shift.id}, from ${shift.fromWords}`;
    if (shift.held) add("Let the move go on", whose, () => holdShift(shift, false));
    else add("Hold the move", whose, () => holdShift(shift, true));
    if (shift.phase !== "returning") add("Start failback", whose, () => failback(shift));
    add("Bring all traffic back now", whose, () => takeBackShift(shift));
  }
  for (const incident of snapshot.incidents) add(`Open incident ${incident.id}`, incident.title, () => sheets.show({ kind: "incident", id: incident.id }));
  add("Move traffic", "Failover, canary", () => sheets.show({ kind: "move" }));
  add("Split traffic by hand", "Weights", () => sheets.show({ kind: "split" }));
  add("Why do requests go there?", "Status", () => sheets.show({ kind: "why" }));
  add("Overrides", count(overridesOf(snapshot.overrides, snapshot.distribution).length, "override"), () => sheets.show({ kind: "overrides" }));
  add("Check the network", snapshot.network?.name ?? "Network", checkNetwork);
  for (const provider of snapshot.providers) {
    add(`Move traffic off ${provider.name}`, "Failover", () => sheets.show({ kind: "move", from: `provider:${provider.name}` }));
    add(`Leave ${provider.name} out`, "Override", () => sheets.show({ kind: "except", provider: provider.name }));
    add(`Take provider ${provider.name} out of service`, "Kill switch", () => sheets.show({ kind: "kill", scope: { kind: "provider", name: provider.name } }));
  }
  for (const route of snapshot.tiers.flatMap((tier) => tier.routes)) {
    add(`Hold the circuit of ${route.id}`, "Override", () => sheets.show({ kind: "breaker", route: route.id }));
  }
  if (snapshot.overrides.allOff) add("Switch on again", "All off", switchOn);
  else add("Switch everything off", "All off", () => sheets.show({ kind: "allOff" }));
  return list;
}

/** Those whose title or hint holds every word that was typed. */
export function matching(list: readonly Command[], typed: string): Command[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  return list.filter((command) => {
    const text = `${command.title} ${command.hint}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
