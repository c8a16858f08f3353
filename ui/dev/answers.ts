/** What the fixture router answers. */
import type { Reply } from "../src/api/host";
import type { Snapshot, Spend } from "../src/api/types";
import { sampleIncident } from "./incident";
import { sampleSpend } from "./money";
import { sampleMap } from "../src/screens/welcome/sample";

export function answers(method: string, path: string, body: unknown, snapshot: Snapshot): Reply {
  const at = Date.now();
  const ok = (value: unknown): Reply => ({ status: 200, body: value });
  const [where = ""] = path.split("?");
  switch (`${method} ${where}`) {
    case "GET /v1/requests":
      return ok(snapshot.requests);
    case "GET /v1/map":
      return ok({ version: snapshot.map.version, name: snapshot.map.name, document: sampleMap, format: "json", appliedAtMs: at, source: "window", reason: null });
    case "POST /v1/map/check":
    case "PUT /v1/map":
      return (body as { document: string }).document.includes("bad")
        ? { status: method === "PUT" ? 422 : 200, body: { code: "map_invalid", message: "The map was refused.", faults: [{ path: "warm[1].baseUrl", message: "${GEMINI_OPENAI_COMPAT} is not set" }, { path: "hot[0].provider", message: "is empty" }], warnings: [{ path: "cold", message: "nobody is notified" }] } }
        : ok(method === "PUT" ? { version: snapshot.map.version + 1 } : { faults: [], warnings: [] });
    case "GET /v1/map/versions":
      return ok([14, 13, 12, 11].map((version, i) => ({ version, name: "production", appliedAtMs: at - i * 90_000_000, source: i % 2 ? "cli" : "window", reason: i === 0 ? "timeout 20 s to 12 s" : null })));
    case "GET /v1/map/diff":
      return ok({ diff: '--- v13\n+++ v14\n@@ -3,2 +3,2 @@\n   "hot": [\n-    { "model": "opus-5" }\n+    { "model": "sonnet-4.6" }\n' });
    case "GET /v1/queue":
      return ok([
        { id: "job_8f2c41aa", job: "summarize-call-notes", client: "my-saas-prod", model: "auto", state: "waiting", attempts: 2, dialect: "openai-chat", note: null, createdAtMs: at - 240_000, nextAttemptAtMs: at + 4_000, expiresAtMs: at + 86_000_000, finishedAtMs: null, route: null, lastFailure: { kind: "overloaded", status: 529, message: "Overloaded" } },
        { id: "job_8f2c41ab", job: "draft-email", client: "n8n", model: "auto", state: "waiting", attempts: 0, dialect: "openai-chat", note: null, createdAtMs: at - 200_000, nextAttemptAtMs: at + 9_000, expiresAtMs: at + 86_000_000, finishedAtMs: null, route: null, lastFailure: null },
        { id: "job_8f2c41ac", job: "draft-email", client: "n8n", model: "auto", state: "dead", attempts: 5, dialect: "openai-chat", note: null, createdAtMs: at - 900_000, nextAttemptAtMs: null, expiresAtMs: at + 86_000_000, finishedAtMs: at - 60_000, route: null, lastFailure: { kind: "context_length", status: 400, message: "prompt is too long: 412000 tokens" } },
      ]);
    case "GET /v1/budget":
      return ok({ budgets: snapshot.budgets, pauses: snapshot.pause.causes, breaches: 0 });
    case "GET /v1/budget/spend":
      return ok(sampleSpend((new URLSearchParams(path.split("?")[1]).get("by") ?? "provider") as Spend["by"]));
    case "POST /v1/budget/resume":
      return ok({ opened: ["total/monthUsd"], stillReached: [], lifted: ["budget/total/monthUsd"] });
    case "GET /v1/clients/default/key":
      return ok({ key: "sy_local_0123456789" });
    case "GET /v1/sim/providers":
      return ok([{ name: "anthropic", fault: { type: "status", code: 500 } }, { name: "openai", fault: null }, { name: "google", fault: null }]);
    case "POST /v1/keychain/retry":
      return ok(snapshot.keychain);
    case "POST /v1/test-request":
      return ok({ status: 200, route: "anthropic/sonnet-4.6", tier: "hot", attempts: 1, durationMs: 412, text: "ok", requestId: "req_1" });
    case "GET /v1/incidents/27":
      return ok(sampleIncident(snapshot));
    case "GET /v1/incidents/27/report":
      return ok({ markdown: "# Incident 27: anthropic answered 529\n" });
    case "POST /v1/shifts":
      return ok({ id: 4 });
    default:
      return where.endsWith("/test") ? ok({ ok: true, message: "3 models answer with this key." }) : { status: 204, body: undefined };
  }
}
