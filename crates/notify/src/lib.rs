//! Notices to people: the desktop's notification service, with dedupe.
