/** One or two sentences that tell what the caller saw. */
import type { RequestView } from "../../api/types";
import { count, latency } from "../../shared/format";

export function story(request: RequestView): string {
  const failed = request.attempts.filter((attempt) => attempt.failure).length;
  const first = typeof request.firstTokenMs === "number" ? ` The first token came after ${latency(request.firstTokenMs)}.` : "";
  switch (request.outcome) {
    case "answered":
      if (request.rescues > 0) {
        return `The stream broke off ${request.rescues === 1 ? "once" : `${request.rescues} times`} and another route continued it: the app read one text, whole.${first}`;
      }
      return failed === 0
        ? `The first try answered.${first}`
        : `The app saw one request and one answer; ${count(failed, "failed try", "failed tries")} stayed here.${first}`;
    case "queued":
      return "The app heard 202 with an id to poll. The job waits in the siding until a route answers.";
    case "refused":
      return "The request was refused with a reason before any provider was charged for it.";
    case "failed":
      return "Every try failed and the queue could not take the job. The app heard an error with the cause.";
    case "broken":
      return `The stream broke off after it had begun, and could not be continued elsewhere. The app heard an error event.${first}`;
    case "aborted":
      return "The app hung up. The call to the provider was cancelled, and no route is blamed for it.";
  }
}
