/** An incident as `GET /v1/incidents/{id}` tells it, by what the window shows of it. */
import type { IncidentBrief, Lamp } from "./types";

/** A number beside its goal; `met` is absent while it has not happened. */
export interface Kpi {
  value?: number | null;
  goal: number;
  met?: boolean | null;
}

export interface Kpis {
  detectionMs: Kpi;
  failoverMs: Kpi;
  restorationMs: Kpi;
  recoveryMs: Kpi;
  homeMs?: number | null;
  requests: number;
  kept: number;
  queued: number;
  failed: number;
  lost: number;
  userErrorPercent: Kpi;
  slowdownPercent: Kpi;
  /** Nano-dollars. */
  costDifferenceUsd?: number | null;
  clients: ClientImpact[];
  automatic: boolean;
}

export interface ClientImpact {
  client: string;
  requests: number;
  kept: number;
  queued: number;
  failed: number;
  slowestMs: number;
  late: number;
}

export interface TimelineEntry {
  atMs: number;
  lamp: Lamp;
  title: string;
  detail?: string | null;
}

export interface IncidentNote {
  atMs: number;
  actor: string;
  text: string;
}

export interface Validation {
  calls: number;
  successPercent: Kpi;
  p95Ms?: number | null;
  baselineP95Ms?: number | null;
  passed: boolean;
}

export interface Incident extends IncidentBrief {
  routes: string[];
  triggers: string[];
  mapVersion: number;
  closedBy?: string | null;
  marks: { conditionAtMs: number; decidedAtMs?: number | null; calmSinceMs?: number | null; homeAtMs?: number | null };
  kpis: Kpis;
  validation?: Validation | null;
  timeline: TimelineEntry[];
  notes: IncidentNote[];
}
