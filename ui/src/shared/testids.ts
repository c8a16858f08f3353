/**
 * The hooks end-to-end tests hold on to. They are a contract: a test in another room finds elements by these
 * and by nothing else.
 *
 * | hook | element |
 * | --- | --- |
 * | `nav-<screen>` | sidebar entry; screens: signal-box, requests, queue, budget, map, providers, settings |
 * | `status-state` | the bold state of the status sentence |
 * | `status-sentence` | the sentence after it |
 * | `route-<id>` | a station; `data-circuit` closed, half_open, open; `data-next`, `data-in-service` true, false |
 * | `switch-<id>` | the kill switch of that station |
 * | `tier-hot`, `tier-warm`, `tier-cold` | a lane; `data-in-use` true, false |
 * | `pause-button` | pauses or resumes; `data-paused` true, false |
 * | `demo-start` | Welcome: try with simulated providers |
 * | `fault-<provider>` | the fault select of a simulated provider |
 * | `test-request` | sends one request through the router |
 * | `endpoint-url` | the address clients point at |
 * | `events`, `last-requests` | the lists on the Signal box |
 * | `banner` | the failover, pause or connection banner |
 * | `banner-title` | its bold line; the whole of it is the element's `title` |
 * | `banner-<action>` | a button of the banner: hold, goOn, failback, incident, checkNetwork, portal, ... |
 * | `shift-<id>` | a move of traffic; `data-phase` leaving, away, returning, `data-held` true, false |
 * | `overrides` | the chip on the map's header |
 * | `override-<key>` | a line of the overrides' list |
 * | `cause-<code>`, `fix-<code>` | a likely cause and its fix |
 * | `network-line` | the network's line in the sidebar; `data-state` |
 * | `menu-<what>` | opens the menu of a tier (`hot`, `warm`) or of a station (its route id) |
 * | `sheet` | the open sheet |
 * | `sheet-close` | closes it |
 * | `move-traffic` | opens the sheet that moves traffic |
 * | `mode-<mode>` | a way to move it: immediate, gradual, canary |
 * | `reason` | the reason a sheet asks for |
 * | `timeline` | what happened in the open incident |
 * | `submit` | the confirming button of a sheet |
 * | `confirm` | the confirming button of an open question |
 * | `provider-<name>`, `key-input`, `key-save` | the Providers screen |
 * | `map-editor`, `map-check`, `map-apply`, `map-faults` | the Map screen |
 * | `job-<id>`, `request-<id>` | rows of Queue and Requests |
 * | `gauge` | the budget in the top bar; `data-standing` open, marked, reached |
 * | `budget-<id>` | a row of the Budget screen: its id as `total/monthUsd` |
 * | `pause-<cause>`, `resume-<cause>` | a pause of money and the button that ends it |
 * | `allow-usd` | the amount a sheet asks for |
 * | `spend` | the table of what was spent |
 * | `toast` | a notice that comes and goes |
 */
export const testid = {
  nav: (screen: string) => `nav-${screen}`,
  statusState: "status-state",
  statusSentence: "status-sentence",
  route: (id: string) => `route-${id}`,
  killSwitch: (id: string) => `switch-${id}`,
  tier: (tier: string) => `tier-${tier}`,
  pause: "pause-button",
  demoStart: "demo-start",
  fault: (provider: string) => `fault-${provider}`,
  testRequest: "test-request",
  endpointUrl: "endpoint-url",
  events: "events",
  lastRequests: "last-requests",
  banner: "banner",
  bannerTitle: "banner-title",
  bannerAction: (action: string) => `banner-${action}`,
  shift: (id: number) => `shift-${id}`,
  overrides: "overrides",
  override: (key: string) => `override-${key}`,
  cause: (code: string) => `cause-${code}`,
  fix: (code: string) => `fix-${code}`,
  networkLine: "network-line",
  menu: (what: string) => `menu-${what}`,
  sheet: "sheet",
  sheetClose: "sheet-close",
  moveTraffic: "move-traffic",
  mode: (mode: string) => `mode-${mode}`,
  reason: "reason",
  timeline: "timeline",
  submit: "submit",
  confirm: "confirm",
  provider: (name: string) => `provider-${name}`,
  keyInput: "key-input",
  keySave: "key-save",
  mapEditor: "map-editor",
  mapCheck: "map-check",
  mapApply: "map-apply",
  mapFaults: "map-faults",
  job: (id: string) => `job-${id}`,
  request: (id: string) => `request-${id}`,
  gauge: "gauge",
  budget: (id: string) => `budget-${id}`,
  pauseOf: (cause: string) => `pause-${cause}`,
  resumeOf: (cause: string) => `resume-${cause}`,
  allowUsd: "allow-usd",
  spend: "spend",
  toast: "toast",
} as const;
