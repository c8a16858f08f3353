/** The product's words for what the contract says in codes. */
import type { CredentialView, Dialect, Failure, FailureKind, JobState, Lamp, Outcome, RequestView, Tier } from "../api/types";

export const tierTitle: Record<Tier, string> = { hot: "Hot", warm: "Warm", cold: "Cold" };

/** The model's own name in a route id: what people call the route. */
export function routeLabel(route: string): string {
  const slash = route.indexOf("/");
  return slash < 0 ? route : route.slice(slash + 1);
}

const failureWords: Record<FailureKind, string> = {
  dns: "name not found",
  connect: "connection refused",
  connect_timeout: "no connection",
  tls: "TLS failed",
  first_byte_timeout: "silent",
  first_token_timeout: "no first token",
  idle_timeout: "stream stalled",
  deadline_exceeded: "too slow",
  reset: "connection reset",
  cut: "answer cut off",
  malformed: "not an answer",
  unreadable: "unreadable answer",
  empty_body: "empty answer",
  html: "web page instead of an answer",
  redirect: "redirected",
  in_band_error: "error in the answer",
  rate_limited: "rate limited",
  overloaded: "overloaded",
  server_error: "server error",
  upstream_timeout: "gave up waiting",
  key_rejected: "key not accepted",
  forbidden: "not allowed",
  unpaid: "account unpaid",
  credential_missing: "no key",
  model_not_found: "model not found",
  endpoint_not_found: "endpoint not found",
  bad_request: "request refused",
  context_length: "prompt too long",
  too_large: "request too large",
  content_filter: "content filter",
  not_translatable: "not translatable",
  client_aborted: "caller hung up",
  paused: "paused",
  no_route: "no route available",
  shed: "gave way to other work",
  budget_exhausted: "no budget is left for it",
  all_off: "everything is switched off",
  offline: "this machine is offline",
  internal: "router fault",
};

/** A few words with the status: `529 overloaded`, `silent`. */
export function failureShort(failure: Failure): string {
  const words = failureWords[failure.kind];
  return failure.status && failure.status >= 400 ? `${failure.status} ${words}` : words;
}

export const jobState: Record<JobState, { word: string; lamp: Lamp }> = {
  waiting: { word: "Waiting", lamp: "paused" },
  running: { word: "Running", lamp: "caution" },
  done: { word: "Answered", lamp: "clear" },
  dead: { word: "Needs you", lamp: "stop" },
  expired: { word: "Expired", lamp: "stop" },
  discarded: { word: "Discarded", lamp: "out" },
};

export const outcome: Record<Outcome, { word: string; lamp: Lamp }> = {
  answered: { word: "Answered", lamp: "clear" },
  queued: { word: "Queued", lamp: "paused" },
  refused: { word: "Refused", lamp: "info" },
  failed: { word: "Failed", lamp: "stop" },
  broken: { word: "Stream broke off", lamp: "stop" },
  aborted: { word: "Caller hung up", lamp: "out" },
};

export const dialectName: Record<Dialect, string> = {
  "openai-chat": "OpenAI Chat",
  "openai-responses": "OpenAI Responses",
  anthropic: "Anthropic Messages",
  gemini: "Gemini",
  "bedrock-converse": "Bedrock Converse",
};

/** `thinking_dropped messages[1].content[0]` as `Thinking dropped`, and where. */
export function lossText(loss: string): { what: string; where: string } {
  const [code = "", ...where] = loss.split(" ");
  const words = code.replaceAll("_", " ");
  return { what: words.charAt(0).toUpperCase() + words.slice(1), where: where.join(" ") };
}

export const lampName: Record<Lamp, string> = {
  clear: "clear",
  caution: "caution",
  degraded: "degraded",
  stop: "stop",
  paused: "paused",
  info: "information",
  out: "out of use",
  unknown: "not probed",
};

/** Where a key was found, and how it stands. */
export function credentialState(credential: CredentialView): { word: string; lamp: Lamp } {
  if (credential.condemned) return { word: `Not used: ${failureShort(credential.condemned)}`, lamp: "stop" };
  switch (credential.foundIn) {
    case "keychain":
      return { word: "In the keychain", lamp: "clear" };
    case "environment":
      return { word: "From the environment", lamp: "clear" };
    case "file":
      return { word: "From the credentials file", lamp: "clear" };
    case "missing":
      return { word: "Not set", lamp: "unknown" };
  }
}

/** Three letters for a wagon: the initials of three words or more, else one and two, else the first three. */
export function wagonCode(job: string): string {
  const words = job.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  const [first = "job", second] = words;
  const code =
    words.length >= 3
      ? words.slice(0, 3).map((word) => word.charAt(0)).join("")
      : second && first.length > 3
        ? first.charAt(0) + second.slice(0, 2)
        : first.slice(0, 3);
  return code.toUpperCase();
}

/** `Hot · sonnet-4.6`, `Cold · queued`, or how the request ended without an answer. */
export function answeredBy(request: RequestView): string {
  if (request.outcome === "queued") return "Cold · queued";
  if (request.route && request.tier) {
    const where = `${tierTitle[request.tier]} · ${routeLabel(request.route)}`;
    return request.outcome === "answered" ? where : `${where}, ${outcome[request.outcome].word.toLowerCase()}`;
  }
  return `${outcome[request.outcome].word}, ${request.status}`;
}

/** The reason that is sent where a button was pressed and nothing was asked. */
export const BY_HAND = "decided by hand";

const actors: Record<string, string> = { window: "window", cli: "command line", api: "control API", router: "the router" };

/** Who ordered something: `the router`, `command line`. */
export const actorWords = (actor: string): string => actors[actor] ?? actor;

/** The same for somebody's act: `by the router`, `by the control API`, `by hand` (from a window or a terminal). */
export const byWhom = (actor: string): string => (actor === "router" ? "by the router" : actor === "api" ? "by the control API" : "by hand");
