//! Every default, once. The documentation's table is generated from [`rows`].

/// The defaults, as one constant to read them from.
#[derive(Clone, Copy, Debug)]
pub struct Defaults;

impl Defaults {
    /// Most time to answer a request where nobody wrote an SLO, milliseconds: ten minutes, as the SDKs of OpenAI and
    /// Anthropic wait.
    pub const SLO_MS: u64 = 600_000;
    /// How long the first words of a stream are held back, milliseconds: not at all.
    pub const HOLD_BACK_MS: u64 = 0;
    /// Tries per route in one request, the first included.
    pub const TRIES_PER_ROUTE: u32 = 3;
    /// Tries per request over all routes.
    pub const TRIES_PER_REQUEST: u32 = 6;
    /// The first retry waits up to this, milliseconds; doubling.
    pub const RETRY_INITIAL_MS: u64 = 200;
    /// No retry waits longer, milliseconds.
    pub const RETRY_MAX_MS: u64 = 2_000;
    /// Failures in a row that open a circuit.
    pub const CONSECUTIVE_FAILURES: u32 = 5;
    /// An open circuit lets a test call through this often, milliseconds.
    pub const HALF_OPEN_EVERY_MS: u64 = 30_000;
    /// Successful test calls in a row that close a circuit.
    pub const SUCCESSES_TO_CLOSE: u32 = 2;
    /// A circuit that flaps waits twice as long each time, up to this, milliseconds.
    pub const HALF_OPEN_MOST_MS: u64 = 300_000;
    /// TCP and TLS, milliseconds.
    pub const CONNECT_MS: u64 = 3_000;
    /// From the request sent to a stream's first meaningful byte, nothing having come, milliseconds.
    pub const FIRST_TOKEN_MS: u64 = 12_000;
    /// The same where request or model reasons, and silence inside reasoning, milliseconds.
    pub const REASONING_MS: u64 = 120_000;
    /// How long keep-alives alone are taken for a sign of life, milliseconds.
    pub const KEEP_ALIVE_MS: u64 = 120_000;
    /// Silence of a stream while text flows, milliseconds.
    pub const IDLE_MS: u64 = 30_000;
    /// The same where the request carries tools, milliseconds.
    pub const IDLE_WITH_TOOLS_MS: u64 = 60_000;
    /// Silence of a stream while a tool call is under way, milliseconds.
    pub const TOOL_CALL_MS: u64 = 120_000;
    /// From the request sent to a whole answer's head, milliseconds.
    pub const ANSWER_MS: u64 = 120_000;
    /// Silence inside a whole answer's body, milliseconds.
    pub const BODY_MS: u64 = 30_000;
    /// Attempts of a queued job that reached an upstream.
    pub const COLD_ATTEMPTS: u32 = 5;
    /// A queued job's first retry waits about this, milliseconds; doubling, jittered.
    pub const COLD_INITIAL_MS: u64 = 1_000;
    /// No queued job waits longer between attempts, milliseconds.
    pub const COLD_MAX_MS: u64 = 300_000;
    /// One attempt of a queued job has this long, milliseconds.
    pub const COLD_ATTEMPT_MS: u64 = 600_000;
    /// A queued job's life, milliseconds.
    pub const COLD_EXPIRES_MS: u64 = 86_400_000;
    /// Queued jobs attempted at the same time.
    pub const COLD_CONCURRENCY: u32 = 4;
    /// Jobs that may wait at the same time.
    pub const COLD_JOBS: u32 = 10_000;
    /// Bytes the queue may keep of requests: 1 GiB, some thousands of long conversations on a laptop's disk.
    pub const COLD_BYTES: u64 = 1024 * 1024 * 1024;
    /// Largest request body, bytes.
    pub const MAX_BODY_BYTES: u64 = 32 * 1024 * 1024;
    /// Requests under way at the same time.
    pub const MAX_IN_FLIGHT: u32 = 1_024;
    /// What the bodies of requests under way may hold together, bytes: sixteen of the largest, or half a megabyte for each
    /// of 1,024 requests.
    pub const MAX_BYTES_IN_FLIGHT: u64 = 512 * 1024 * 1024;
    /// Pause between two probes of a route, milliseconds.
    pub const PROBE_EVERY_MS: u64 = 30_000;
    /// What is asked to see how the network stands: an address, and what its body starts with where it is not 204.
    /// These are what Android, Apple's systems, Firefox and Windows ask.
    pub const CHECK_URLS: [(&'static str, Option<&'static str>); 4] = [
        ("http://connectivitycheck.gstatic.com/generate_204", None),
        (
            "http://captive.apple.com/hotspot-detect.html",
            Some("<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>"),
        ),
        ("http://detectportal.firefox.com/success.txt", Some("success")),
        ("http://www.msftconnecttest.com/connecttest.txt", Some("Microsoft Connect Test")),
    ];
    /// Pause between two checks while the network is down, milliseconds.
    pub const NETWORK_CHECK_EVERY_MS: u64 = 5_000;
    /// One check's time, milliseconds.
    pub const NETWORK_CHECK_TIMEOUT_MS: u64 = 2_500;
    /// A network-like failure counts for its route after this, milliseconds.
    pub const NETWORK_SUSPENSE_MS: u64 = 10_000;
    /// Requests whose SLO nobody wrote wait for the network this long, milliseconds.
    pub const NETWORK_HOLD_MS: u64 = 30_000;
    /// Who resolves names when the system can't: Cloudflare, Quad9, Google.
    pub const FALLBACK_DNS: [&'static str; 3] = ["1.1.1.1", "9.9.9.9", "8.8.8.8"];
    /// The system's resolver has this long, milliseconds.
    pub const SYSTEM_DNS_MS: u64 = 2_000;
    /// Addresses that worked are used this long when no resolver answers, milliseconds: seven days.
    pub const LAST_KNOWN_MS: u64 = 604_800_000;
    /// Part of a budget at which new work pauses, percent: a fifth is left to finish what is under way, and for who decides to
    /// go on.
    pub const PAUSE_AT_PERCENT: u8 = 80;
    /// Most time a try waits for others to free money, milliseconds: a caller waits as long for a first token anyway.
    pub const BUDGET_WAIT_MS: u64 = 2_000;
    /// Output tokens a request that names no maximum is taken to want, tokens: more than all but one in some thousands
    /// need; a model's own maximum would let one request hold a small budget whole.
    pub const ASSUME_OUTPUT_TOKENS: u64 = 16_384;
    /// Where days and months begin: providers bill by days of UTC, and a laptop's own zone changes when it travels.
    pub const BUDGET_TIME_ZONE: &'static str = "UTC";
    /// The queue's name.
    pub const QUEUE: &'static str = "ai-tasks";
    /// The map's name.
    pub const MAP_NAME: &'static str = "production";
}

macro_rules! table {
    ($($key:literal = $value:expr => $meaning:literal;)*) => {
        /// The whole table: the key in a map, its value when not written, what it does.
        #[must_use]
        pub fn rows() -> Vec<(&'static str, String, &'static str)> {
            let mut rows = vec![$(($key, $value.to_string(), $meaning)),*];
            rows.extend(super::operate::rows());
            rows
        }
    };
}

table! {
    "name" = Defaults::MAP_NAME => "The map's name in the window.";
    "sloMs" = Defaults::SLO_MS => "Most time to answer: a stream's first meaningful byte, any other answer's end. Unwritten it is as long as the SDKs of OpenAI and Anthropic wait; written it binds, and each route not asked yet keeps a fair share of what is left of it.";
    "midstream" = super::Midstream::default().as_str() => "A stream that dies after its first word: `continue` on another route, `restart`, or `error`.";
    "sticky" = super::Sticky::default().as_str() => "Whether a conversation stays with its route where traffic is split: `auto` (where prompt caches matter), `always`, `never`.";
    "jobs.<job>.priority" = super::Priority::default().as_str() => "What gives way when not everything can be served: `low` first, `high` never.";
    "cache.mode" = super::CacheMode::default().as_str() => "`stale_if_error`: the same request of the same app gets its last answer again when no route can answer.";
    "shift.mode" = super::ShiftMode::default().as_str() => "How traffic leaves a provider by itself: `immediate`, `gradual` or `canary`.";
    "shift.gradualSteps" = super::MoveSteps::default().gradual.written() => "What goes elsewhere, step by step, in a gradual shift, percent.";
    "shift.canarySteps" = super::MoveSteps::default().canary.written() => "What goes elsewhere, step by step, in a canary, percent.";
    "failback.steps" = super::MoveSteps::default().home.written() => "What is back home, step by step, percent.";
    "failback.automatic" = true => "Whether traffic comes home by itself.";
    "holdBackMs" = Defaults::HOLD_BACK_MS => "How long the first words of a stream are held back, so that an early death goes unseen.";
    "retry.attempts" = Defaults::TRIES_PER_ROUTE => "Tries per route in one request, the first included.";
    "retry.maxAttemptsPerRequest" = Defaults::TRIES_PER_REQUEST => "Tries per request over all routes.";
    "retry.initialMs" = Defaults::RETRY_INITIAL_MS => "Upper bound of the first retry's wait; doubles, full jitter.";
    "retry.maxMs" = Defaults::RETRY_MAX_MS => "No retry waits longer.";
    "breaker.consecutiveFailures" = Defaults::CONSECUTIVE_FAILURES => "Failures in a row that open a circuit.";
    "breaker.halfOpenEveryMs" = Defaults::HALF_OPEN_EVERY_MS => "How often an open circuit lets a test call through, however long the outage lasts.";
    "breaker.successesToClose" = Defaults::SUCCESSES_TO_CLOSE => "Successful test calls in a row that close a circuit.";
    "breaker.halfOpenMostMs" = Defaults::HALF_OPEN_MOST_MS => "A circuit that opens again after a good test call waits twice as long each time, up to this.";
    "timeouts.connectMs" = Defaults::CONNECT_MS => "TCP and TLS. A host that is up takes the connection within three round trips.";
    "timeouts.firstByteMs" = "none" => "From the request sent to the response head, of any answer. Unwritten, what is under way decides.";
    "timeouts.firstTokenMs" = Defaults::FIRST_TOKEN_MS => "From the request sent to a stream's first meaningful byte, nothing having come: models that don't reason begin within seconds, and a caller waits. Written, it binds for reasoning and keep-alives too, unless `reasoningMs` or `keepAliveMs` is written.";
    "timeouts.reasoningMs" = Defaults::REASONING_MS => "The same where the request or the model reasons, and silence while reasoning is under way: reasoning models say nothing for a minute and more.";
    "timeouts.keepAliveMs" = Defaults::KEEP_ALIVE_MS => "How long pings, comments and progress events alone are taken for a sign of life, before the first token and after it: a server that hangs can go on sending them.";
    "timeouts.idleMs" = Defaults::IDLE_MS => "Longest silence of a stream while text flows: tokens come many to the second. Written, it binds inside reasoning, tool calls and bodies too, unless their own key is written.";
    "timeouts.idleWithToolsMs" = Defaults::IDLE_WITH_TOOLS_MS => "The same where the request carries tools: some servers gather a whole tool call before they send it.";
    "timeouts.toolCallMs" = Defaults::TOOL_CALL_MS => "Longest silence while a tool call is under way: its arguments may be a whole file, gathered before they are sent.";
    "timeouts.answerMs" = Defaults::ANSWER_MS => "From the request sent to the head of a whole answer, while another route is left: the head comes when the answer is done.";
    "timeouts.bodyMs" = Defaults::BODY_MS => "Longest silence inside a whole answer's body: behind its head the answer is there.";
    "timeouts.totalMs" = "none" => "One attempt's whole time; bounded by `sloMs` until the first meaningful byte.";
    "probe.everyMs" = Defaults::PROBE_EVERY_MS => "Pause between two free probes of a route; 0 switches probing off.";
    "network.enabled" = true => "Whether this machine's network is judged at all; if not, every failure is a route's.";
    "network.checkUrls" = Defaults::CHECK_URLS.map(|(url, _)| url).join(", ") => "What is asked over plain HTTP to see through captive portals: 204, or `{\"url\", \"body\"}`. `[]` leaves it to the providers' hosts.";
    "network.checkEveryMs" = Defaults::NETWORK_CHECK_EVERY_MS => "Pause between two checks while the network is down.";
    "network.checkTimeoutMs" = Defaults::NETWORK_CHECK_TIMEOUT_MS => "One check's time.";
    "network.suspenseMs" = Defaults::NETWORK_SUSPENSE_MS => "A network-like failure counts for its route after this, if nothing was found out by then.";
    "network.hold" = true => "Whether requests wait for the network, up to their SLO.";
    "network.holdMs" = Defaults::NETWORK_HOLD_MS => "How long they wait where no SLO is written: a café's Wi-Fi drops for seconds, and what takes longer is better queued than held. A written SLO is waited out whole, unless this is written too.";
    "network.fallbackDns" = Defaults::FALLBACK_DNS.join(", ") => "Who resolves names when the system's resolver fails. `[]` means nobody.";
    "network.systemDnsMs" = Defaults::SYSTEM_DNS_MS => "The system's resolver has this long.";
    "network.lastKnownMs" = Defaults::LAST_KNOWN_MS => "Addresses that worked are used this long when no resolver answers; 0 = never.";
    "providers.*.proxy" = "system" => "The proxy a provider's requests go through: an address, `direct`, or the system's.";
    "cold.mode" = "graceful_degrade" => "What callers hear when no route can answer: plain HTTP the 202; streams, interactive callers and SDKs an error in their dialect, since they would read a 202 as a completion. `queued`: always the 202. `error`: always the error. Also `template`, `wait`; per job and per client as `reply`.";
    "cold.queue" = Defaults::QUEUE => "The queue's name.";
    "cold.maxAttempts" = Defaults::COLD_ATTEMPTS => "Attempts of a queued job that reached an upstream.";
    "cold.initialMs" = Defaults::COLD_INITIAL_MS => "First wait between a queued job's attempts; doubles, jittered.";
    "cold.maxMs" = Defaults::COLD_MAX_MS => "No queued job waits longer between attempts.";
    "cold.attemptMs" = Defaults::COLD_ATTEMPT_MS => "The deadline of one attempt of a queued job, in place of its SLO: nobody waits at the other end, and an answer begun is paid for.";
    "cold.expiresMs" = Defaults::COLD_EXPIRES_MS => "A queued job's life.";
    "cold.concurrency" = Defaults::COLD_CONCURRENCY => "Queued jobs attempted at the same time.";
    "cold.maxJobs" = Defaults::COLD_JOBS => "Jobs that may wait at the same time; what comes then is refused with a reason.";
    "cold.maxBytes" = Defaults::COLD_BYTES => "Bytes the queue may keep of requests, dead letters included; what comes then is refused with a reason, as it is when the disk is nearly full. One app alone may take three quarters of it.";
    "limits.maxBodyBytes" = Defaults::MAX_BODY_BYTES => "Largest request body.";
    "limits.maxInFlight" = Defaults::MAX_IN_FLIGHT => "Requests under way at the same time, those whose body is still coming included.";
    "limits.maxBytesInFlight" = Defaults::MAX_BYTES_IN_FLIGHT => "What the bodies of requests under way may hold together, bytes; what comes then is refused with 429. Sixteen of the largest, or half a megabyte for each of 1,024.";
    "listen.hosts" = "none" => "Names of this machine besides `localhost` and `127.0.0.1`, as containers call it (`host.docker.internal`). Requests for any other host are refused: a web page could reach the router by a name of its own.";
    "prices" = "none" => "What models cost, over the price list, by globs over `provider/model` or the model's name: `\"free\"`, US dollars for a million tokens as `{\"input\", \"output\", \"cacheRead\", \"cacheWrite\", \"cacheWrite1h\"}`, or `{\"multiplier\": 1.1}`. A name beats a glob, a longer glob a shorter one, and a route's own `price` both. A model nobody knows the price of is taken for the vendor's dearest.";
    "budget.monthUsd" = "none" => "Most US dollars a calendar month may cost. Also `dayUsd`, `monthTokens` and `dayTokens`; each of them per provider, client and job too (`budget.providers.anthropic.dayUsd`).";
    "budget.timeZone" = Defaults::BUDGET_TIME_ZONE => "Where days and months begin, a name of the IANA database (`Europe/Lisbon`). Providers bill by days of UTC, and a laptop's own zone changes when it travels.";
    "budget.pauseAtPercent" = Defaults::PAUSE_AT_PERCENT => "Part of a budget at which new work pauses; work under way goes on. Unwritten, the variable `BUDGET_PAUSE_AT_PERCENT` decides.";
    "budget.waitMs" = Defaults::BUDGET_WAIT_MS => "How long a try waits, in order, for money that others hold and may not need.";
    "budget.assumeOutputTokens" = Defaults::ASSUME_OUTPUT_TOKENS => "Output tokens a request that names no maximum is taken to want, until its answer tells.";
    "budget.webhookHosts" = "none" => "Hosts besides this machine under which budget alerts may come to the control port: a tunnel's public name. Nothing else is answered there.";
    "budget.webhookScope" = super::WebhookScope::default().as_str() => "What a provider's budget webhook pauses: `all` new work, or `provider`: work that would go to that provider.";
    "clients.<app>.maxInFlight" = "none" => "An app's requests under way at the same time.";
    "flags.enable_warm_fallback" = true => "Whether Warm is tried.";
    "flags.enable_cold_queue" = true => "Whether requests may be queued.";
    "flags.require_client_key" = true => "Whether callers must bring a local key.";
    "flags.strict_models" = false => "Whether a model that no route serves is refused with 404. Else such a request follows the map's order, since agents ask for models by names of their own, and `x-switchyard-model-asked` says so.";
    "flags.ai_enabled" = true => "False answers every request at once with a well-formed refusal; nothing blocks, nothing is sent.";
    "flags.gate_warm_routes" = false => "Whether a Warm route waits until its compatibility check has passed.";
}
