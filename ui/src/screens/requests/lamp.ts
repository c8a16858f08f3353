/** The lamp beside a request: how it ended, and whether another tier stood in. */
import type { Lamp, RequestView } from "../../api/types";
import { outcome } from "../../shared/words";

export const requestLamp = (request: RequestView): Lamp => outcome[request.outcome].lamp;
