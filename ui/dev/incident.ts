/** The incident the design draws, as the router would tell it. */
import type { Incident, Snapshot } from "../src/api/types";
import { incident } from "./base";

export function sampleIncident(snapshot: Snapshot): Incident {
  const brief = snapshot.incidents[0] ?? incident(271);
  const t = brief.beganAtMs;
  const closed = brief.state === "closed";
  const entry = (s: number, lamp: Incident["timeline"][number]["lamp"], title: string, detail: string) => ({ atMs: t + s * 1000, lamp, title, detail });
  return {
    ...brief,
    routes: ["anthropic/sonnet-4.6", "anthropic/haiku-4.5"],
    triggers: ["sonnet-4.6: 529 overloaded, 5 in a row"],
    mapVersion: 14,
    failures: [{ what: "overloaded", code: "529", attempts: 9, firstAtMs: t + 100, lastAtMs: t + 1_300 }],
    returns: closed ? 1 : 0,
    reversed: 0,
    closedBy: closed ? "router" : null,
    marks: { conditionAtMs: t + 200, decidedAtMs: t + 1_400, calmSinceMs: closed ? t + 1_900_000 : null, homeAtMs: closed ? brief.closedAtMs! - 60_000 : null },
    kpis: {
      detectionMs: { value: 1_200, goal: 30_000, met: true },
      failoverMs: { value: 400, goal: 60_000, met: true },
      restorationMs: { value: 1_600, goal: 120_000, met: true },
      recoveryMs: closed ? { value: 1_262_000, goal: 300_000, met: false } : { value: null, goal: 300_000, met: null },
      homeMs: closed ? 1_200_000 : null,
      requests: brief.kept + 6, kept: brief.kept, queued: 6, failed: 0, lost: 0, lostPercent: { value: 0, goal: 1, met: true },
      userErrorPercent: { value: 0, goal: 5, met: true },
      slowdownPercent: { value: 12.4, goal: 20, met: true },
      costDifferenceUsd: -1_180_000_000,
      clients: [
        { client: "my-saas-prod", requests: 183, kept: 183, queued: 0, failed: 0, slowestMs: 2_490, late: 3 },
        { client: "n8n", requests: 66, kept: 60, queued: 6, failed: 0, slowestMs: 2_310, late: 0 },
        { client: "Claude Code", requests: 22, kept: 22, queued: 0, failed: 0, slowestMs: 4_020, late: 0 },
      ],
      automatic: true,
    },
    validation: { calls: 100, successPercent: { value: 99, goal: 95, met: true }, p95Ms: 2_060, baselineP95Ms: 2_610, passed: true },
    timeline: [
      entry(0.1, "stop", "First 529 from anthropic", "sonnet-4.6 answered “overloaded”. Your network was fine: 2 other providers answered."),
      entry(1.3, "stop", "sonnet-4.6: 529 overloaded, 5 in a row. Circuit open.", ""),
      entry(1.7, "degraded", "Warm took over: gpt-4o-mini answers.", "1 request needed 4 tries, 1 needed 2."),
      entry(540, "stop", "gemini-3-flash: 500 server error, 5 in a row. Circuit open.", "gpt-4o-mini kept all traffic."),
      entry(1_080, "paused", "2 summarize-call-notes jobs wait in the queue. Nothing is lost.", ""),
      ...(closed ? [entry(1_190, "caution", "sonnet-4.6 gets a test call.", ""), entry(1_200, "clear", "Back on Hot: sonnet-4.6 answers.", "The siding started to replay.")] : []),
    ],
    notes: [{ atMs: t + 300_000, actor: "window", text: "Wrote to support, case 8812." }],
  };
}
