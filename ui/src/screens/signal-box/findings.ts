/** What is going on beside the diagram: likely causes, a storm, work that gives way, incidents that just ended. Pure. */
import type { CauseView, FixView, Lamp, Snapshot } from "../../api/types";
import { count, number, percent, span, timeOfDay } from "../../shared/format";
import { networkDown } from "../../shell/outage";

export interface Finding {
  key: string;
  lamp: Lamp;
  title: string;
  text: string;
  evidence: string[];
  fix: FixView | null;
  /** Its incident, where it is one. */
  incident: number | null;
}

const severityLamp = ({ severity }: CauseView): Lamp => (severity <= 1 ? "stop" : severity === 2 ? "caution" : "info");

/** So much of the evidence stands in the narrow column; the rest is counted. */
const EVIDENCE = 2;

const some = (evidence: readonly string[]): string[] =>
  evidence.length <= EVIDENCE + 1 ? [...evidence] : [...evidence.slice(0, EVIDENCE), `and ${evidence.length - EVIDENCE} more`];

const plain = (key: string, lamp: Lamp, title: string, text: string): Finding => ({ key, lamp, title, text, evidence: [], fix: null, incident: null });

/** `bannered`: the banner speaks of the failover and offers its incident, which then isn't said twice. */
export function findingsOf(snapshot: Snapshot, nowMs: number, bannered: boolean): Finding[] {
  // While the network is down, the banner names it and offers the check.
  const down = networkDown(snapshot.network);
  const causes = snapshot.causes.filter(({ fix }) => !(down && fix?.path === "/v1/network/check"));
  const list: Finding[] = causes.map((cause) => ({
    key: `cause-${cause.code}`, lamp: severityLamp(cause), title: cause.title, text: cause.sentence, evidence: some(cause.evidence), fix: cause.fix ?? null, incident: null,
  }));
  const { loops, shed } = snapshot;
  if (typeof loops.stormSinceMs === "number") {
    const figures = `${number(loops.retriesPerMinute)} retries a minute, ${percent(loops.fallbackPercent)} fell back, ${loops.averageRetries.toFixed(1)} retries a request.`;
    list.push(plain("storm", "caution", `Retries are cut for ${span(nowMs - loops.stormSinceMs)}`, `${figures} They come back when it is calm.`));
  }
  if (shed) {
    list.push(plain("shed", "paused", `Work of ${shed.upTo} priority gives way`, `${shed.shed > 0 ? `${count(shed.shed, "request")} queued for it: ` : "Because "}${shed.reason.replace(/\.$/, "")}. Nothing is lost.`));
  }
  const said = new Set(snapshot.shifts.map((shift) => shift.reason));
  for (const trigger of snapshot.triggers) {
    if (said.has(trigger.reason)) continue;
    const whose = trigger.route ? trigger.route.slice(trigger.route.indexOf("/") + 1) : trigger.provider;
    list.push(plain(`trigger-${trigger.kind}-${trigger.route ?? trigger.provider}`, "caution", `${whose}: ${trigger.reason.replace(/\.$/, "")}`, `Since ${timeOfDay(trigger.beganAtMs)}. ${trigger.recovers ? `Recovers ${trigger.recovers.replace(/\.$/, "")}.` : ""}`.trim()));
  }
  const offered = bannered ? snapshot.incidents.find((incident) => incident.state !== "closed")?.id : undefined;
  for (const incident of snapshot.incidents) {
    if (incident.id === offered) continue;
    const over = incident.state === "closed";
    const state = over ? `Closed at ${timeOfDay(incident.closedAtMs ?? nowMs)}` : incident.state === "open" ? `Open since ${timeOfDay(incident.openedAtMs)}` : "Recovering";
    list.push({ ...plain(`incident-${incident.id}`, over ? "clear" : "degraded", incident.title, `${state}. ${number(incident.kept)} kept, ${number(incident.queued)} queued, ${number(incident.lost)} lost.`), incident: incident.id });
  }
  return list;
}
