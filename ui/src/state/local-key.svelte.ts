/** The local key of the default client: what an SDK on this machine sends. Fetched when it is first wanted. */
import { control } from "../api/control";
import { Load } from "./load.svelte";

export const localKey = new Load(async () => (await control.localKey()).key);
