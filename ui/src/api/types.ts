/**
 * The control API's nouns, by the names the rest of the window uses.
 *
 * Everything here is an alias into `generated.ts`; nothing mirrors the contract by hand. Bodies that the
 * contract does not name are taken from their path, so that a renamed schema does not reach the screens.
 */
import type { components, paths } from "./generated";

type Schemas = components["schemas"];
type Json<T> = T extends { content: { "application/json": infer B } } ? B : never;
type Answer<P extends keyof paths, M extends keyof paths[P]> = paths[P][M] extends { responses: { 200: infer R } }
  ? Json<R>
  : never;

export type Session = Schemas["Session"];
export type Snapshot = Schemas["Snapshot"];
export type RouterView = Schemas["RouterView"];
export type StatusView = Schemas["StatusView"];
export type TierView = Schemas["TierView"];
export type RouteView = Schemas["RouteView"];
export type ColdView = Schemas["ColdView"];
export type QueuedJobView = Schemas["QueuedJobView"];
export type ClientView = Schemas["ClientView"];
export type TrafficView = Schemas["TrafficView"];
export type EventView = Schemas["EventView"];
export type Dialect = Schemas["Dialect"];
export type RequestView = Schemas["RequestView"];
export type AttemptView = Schemas["AttemptView"];
export type ProviderView = Schemas["ProviderView"];
export type CredentialView = Schemas["CredentialView"];
export type KeychainView = Schemas["KeychainView"];
export type JobState = Schemas["JobState"];
export type Failure = Schemas["Failure"];
export type FailureKind = Schemas["FailureKind"];
export type Lamp = Schemas["StatusLevel"];
export type Tier = Schemas["Tier"];
export type Outcome = Schemas["Outcome"];
export type Problem = Schemas["Problem"];

export type ShiftView = Schemas["ShiftView"];
export type ShiftMode = Schemas["ShiftMode"];
export type Target = Schemas["Target"];
export type DistributionView = Schemas["DistributionView"];
export type Overrides = Schemas["Overrides"];
export type Order = Schemas["Order"];
export type KillScope = Schemas["KillScope"];
export type TriggerView = Schemas["TriggerView"];
export type CauseView = Schemas["CauseView"];
export type FixView = Schemas["FixView"];
export type WhyView = Schemas["WhyView"];
export type IncidentBrief = Schemas["IncidentBrief"];
export type IncidentState = Schemas["IncidentState"];
export type NetworkView = Schemas["NetworkView"];
export type NetworkState = Schemas["NetworkState"];
export type StartShift = Schemas["StartShift"];
export type BreakerOrder = Schemas["BreakerOrder"];
export type OrdersAnswer = Schemas["OrdersAnswer"];

export type BudgetView = Schemas["BudgetView"];
export type Pause = Schemas["Pause"];
export type Money = Schemas["Money"];
export type Spend = Schemas["Spend"];
export type SpendRow = Schemas["SpendRow"];
export type ResumeBudget = Schemas["ResumeMoney"];
export type ResumedBudget = Schemas["ResumedMoney"];

export type Incident = Schemas["Incident"];
export type TimelineEntry = Schemas["TimelineEntry"];
/** A number beside its goal; `met` is absent while it has not happened. */
export type Kpi = Schemas["SpanKpi"] | Schemas["PercentKpi"];

export type MapDocument = Answer<"/v1/map", "get">;
export type MapCheck = Answer<"/v1/map/check", "post">;
export type MapVersion = Answer<"/v1/map/versions", "get">[number];
export type Fault = MapCheck["faults"][number];
export type JobView = Answer<"/v1/queue", "get">[number];
export type TestAnswer = Answer<"/v1/test-request", "post">;
export type CredentialTest = Answer<"/v1/credentials/{name}/test", "post">;
