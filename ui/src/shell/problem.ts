/** Headings for the reasons why there is no router. The router's own message says the rest, and what to do. */
import type { Refusal } from "../api/refusal";

const headings: Readonly<Record<string, string>> = {
  port_busy: "The proxy port is taken",
  listen_failed: "The proxy can't listen",
  data_dir_unusable: "The data directory can't be used",
  database_locked: "The data directory is in use",
  database_newer: "The data is from a newer Switchyard",
  database_foreign: "The data is from another build of Switchyard",
  database_damaged: "The database is damaged",
  database_unreadable: "The database can't be read",
  database_read_only: "The database is read-only",
  disk_full: "The disk is full",
  sim_not_started: "The simulated providers could not start",
  router_not_running: "No router runs here",
  router_gone: "The router has stopped",
  router_silent: "The router does not answer",
  version_mismatch: "The router is another version",
  quitting: "Switchyard is quitting",
};

/** What is wrong, without a full stop. A code of tomorrow gets the general one. */
export const problemTitle = (problem: Refusal | null): string =>
  headings[problem?.code ?? ""] ?? "The router could not start";
