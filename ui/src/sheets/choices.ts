/** What the sheets offer: parts of the map, modes, how long an order holds. Pure. */
import type { ShiftMode, Snapshot } from "../api/types";
import { routeLabel, tierTitle } from "../shared/words";

export interface Choice {
  /** As the control API reads it. */
  value: string;
  words: string;
}

export interface Group {
  title: string;
  choices: Choice[];
}

/** The parts of the map that traffic can be moved from or to, by kind. */
export function partsOf(snapshot: Snapshot): Group[] {
  const tiers = snapshot.tiers.filter((tier) => tier.routes.length > 0);
  const routes = tiers.flatMap((tier) => tier.routes);
  const providers = [...new Set(routes.map((route) => route.provider))];
  const models = [...new Set(routes.map((route) => route.model))].filter((model) => routes.filter((route) => route.model === model).length > 1);
  const groups: Group[] = [
    { title: "Tiers", choices: tiers.map(({ tier }) => ({ value: tier, words: tierTitle[tier] })) },
    { title: "Providers", choices: providers.map((name) => ({ value: `provider:${name}`, words: name })) },
    { title: "Routes", choices: routes.map(({ id, provider }) => ({ value: `route:${id}`, words: `${routeLabel(id)} (${provider})` })) },
    { title: "Models", choices: models.map((name) => ({ value: `model:${name}`, words: name })) },
  ];
  return groups.filter((group) => group.choices.length > 0);
}

export interface Mode {
  value: ShiftMode;
  words: string;
  hint: string;
}

/** The map's numbers decide the steps; the hints name the defaults' shape, not their times. */
export const modes: readonly Mode[] = [
  { value: "immediate", words: "Immediate", hint: "All of it, from the next request on." },
  { value: "gradual", words: "Gradual", hint: "In a few large steps, each watched and taken back if it fails." },
  { value: "canary", words: "Canary", hint: "A small share first, then more; rolls itself back." },
];

const MINUTE = 60_000;

export const expiries: readonly { value: number | null; words: string }[] = [
  { value: 30 * MINUTE, words: "30 minutes" },
  { value: 60 * MINUTE, words: "1 hour" },
  { value: 240 * MINUTE, words: "4 hours" },
  { value: 1440 * MINUTE, words: "1 day" },
  { value: null, words: "Until taken back" },
];

/** Why a split can't be set as typed; empty when it can. */
export function splitFault(weights: Readonly<Record<string, number>>): string {
  const values = Object.values(weights);
  if (values.some((value) => !Number.isInteger(value) || value < 0 || value > 100)) return "Each share is a whole number from 0 to 100.";
  const sum = values.reduce((total, value) => total + value, 0);
  return sum === 100 ? "" : `The shares add up to ${sum} %, not 100 %.`;
}
