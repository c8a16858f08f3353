/**
 * The control API, one function per thing a person can do. Every function rejects with a `Refusal`.
 *
 * Paths and bodies are checked against the generated contract; only the way there differs by host.
 */
import { client, done } from "./client";

export const control = {
  pause: (reason: string) => done(client.POST("/v1/pause", { body: { reason } })),
  resume: () => done(client.POST("/v1/resume")),
  switchRoute: (route: string, inService: boolean) =>
    done(client.PUT("/v1/routes/switch", { body: { route, inService } })),
  testRequest: () => done(client.POST("/v1/test-request", { body: {} })),

  requests: (limit: number, before?: number) =>
    done(client.GET("/v1/requests", { params: { query: before === undefined ? { limit } : { limit, before } } })),

  map: () => done(client.GET("/v1/map")),
  checkMap: (document: string) => done(client.POST("/v1/map/check", { body: { document } })),
  applyMap: (document: string, baseVersion: number, reason: string) =>
    done(client.PUT("/v1/map", { body: { document, baseVersion, reason, source: "window" } })),
  applyDemo: () => done(client.POST("/v1/map/demo")),
  mapVersions: () => done(client.GET("/v1/map/versions")),
  mapDiff: (from: number, to: number) => done(client.GET("/v1/map/diff", { params: { query: { from, to } } })),
  restoreMap: (version: number) => done(client.POST("/v1/map/restore", { body: { version } })),

  retryKeychain: () => done(client.POST("/v1/keychain/retry")),
  setCredential: (name: string, value: string) =>
    done(client.PUT("/v1/credentials/{name}", { params: { path: { name } }, body: { value } })),
  removeCredential: (name: string) => done(client.DELETE("/v1/credentials/{name}", { params: { path: { name } } })),
  testCredential: (name: string) =>
    done(client.POST("/v1/credentials/{name}/test", { params: { path: { name } } })),

  localKey: () => done(client.GET("/v1/clients/default/key")),

  jobs: (limit: number) => done(client.GET("/v1/queue", { params: { query: { limit } } })),
  replayJob: (id: string) => done(client.POST("/v1/queue/{id}/replay", { params: { path: { id } } })),
  discardJob: (id: string) => done(client.POST("/v1/queue/{id}/discard", { params: { path: { id } } })),
};
