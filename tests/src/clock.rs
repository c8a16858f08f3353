//! Time: a stopwatch, and a router whose wall clock is set, without touching this machine's.
//!
//! A library of a few lines stands between the router and its C library and adds what a file says to every reading of
//! `CLOCK_REALTIME`. The clocks that deadlines live on are left alone, as they are when somebody sets a clock. It is
//! compiled with the C compiler that Rust links with.

use std::path::{Path, PathBuf};
use std::process::Command;

const SHIM: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile long long *seconds;

__attribute__((constructor)) static void begin(void) {
    int file = open(getenv("TEST_CLOCK"), O_RDONLY);
    void *at = mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
    seconds = at == MAP_FAILED ? 0 : at;
}

int clock_gettime(clockid_t id, struct timespec *time) {
    int result = syscall(SYS_clock_gettime, id, time);
    if (result == 0 && id == CLOCK_REALTIME && seconds) time->tv_sec += *seconds;
    return result;
}
"#;

/// The clock.
#[derive(Debug)]
pub struct WallClock {
    file: PathBuf,
    library: PathBuf,
}

impl WallClock {
    /// A clock that is right, kept in this directory.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        let (source, library) = (root.join("clock.c"), root.join("clock.so"));
        std::fs::write(&source, SHIM).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]).args([&library, &source]);
        assert!(compiler.status().unwrap().success(), "the clock was not compiled");
        let clock = Self { file: root.join("clock"), library };
        clock.set_by(0);
        clock
    }

    /// What the router needs in its environment.
    #[must_use]
    pub fn env(&self) -> Vec<(String, String)> {
        let pair = |name: &str, path: &Path| (name.to_owned(), path.display().to_string());
        vec![pair("LD_PRELOAD", &self.library), pair("TEST_CLOCK", &self.file)]
    }

    /// Sets it: so many seconds off from now on.
    pub fn set_by(&self, seconds: i64) {
        // In place: the router looks at this very file.
        let mut file = std::fs::OpenOptions::new();
        let file = file.write(true).create(true).truncate(false).open(&self.file).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &seconds.to_ne_bytes(), 0).unwrap();
    }
}

/// How long a person waits.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts it.
    #[expect(
        clippy::disallowed_methods,
        reason = "a scenario measures the router from outside, on a clock of its own"
    )]
    #[must_use]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// The time since.
    #[must_use]
    pub fn elapsed(self) -> std::time::Duration {
        self.0.elapsed()
    }
}
