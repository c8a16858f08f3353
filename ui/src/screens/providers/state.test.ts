import { expect, test } from "vitest";

import { scenes } from "../../../dev/scenes";
import { providerState } from "./state";

const stand = (scene: "clear" | "failover", name: string, needsCredential = false) => {
  const snapshot = scenes[scene]();
  const provider = { ...snapshot.providers.find((one) => one.name === name)!, needsCredential };
  return providerState(provider, snapshot.tiers.flatMap((tier) => tier.routes));
};

test("a provider whose routes are all stopped is not green", () => {
  expect(stand("clear", "anthropic")).toEqual({ word: "No key needed", lamp: "clear" });
  expect(stand("failover", "anthropic")).toEqual({ word: "Stop · 529 overloaded", lamp: "stop" });
  expect(stand("failover", "google").lamp).toBe("caution");
});

test("a missing key outranks the routes", () => {
  const snapshot = scenes.failover();
  const provider = { ...snapshot.providers[0]!, needsCredential: true, credentials: [] };
  expect(providerState(provider, snapshot.tiers.flatMap((tier) => tier.routes))).toEqual({ word: "Key missing", lamp: "stop" });
});
