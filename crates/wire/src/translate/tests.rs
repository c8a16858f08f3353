//! Every pair of dialects, by recorded fixtures and by generated conversations.
//!
//! A fixture is a folder `fixtures/<caller>--<upstream>/<case>` with any of: `request.json` (the caller's request),
//! `response.json` and `stream.sse` or `stream.jsonl` (the upstream's answer; the latter is binary frames written down
//! in lines), `upstream-model` (its model's name). Whatever is there is translated and compared with its snapshot;
//! adding a folder adds the test.

mod agents;
mod dialects;
mod exact;
mod fixtures;
mod hostile;
mod lenient_answers;
mod malformed;
mod messages_clients;
mod resumed;
mod robust;
mod round_trip;
mod streams;
mod summary;

use super::*;
