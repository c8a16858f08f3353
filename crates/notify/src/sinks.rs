//! The services that carry notices, each behind its own fault line: one that hangs or fails holds up no other.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::desktop::Desktop;
use crate::notice::Notice;

/// How long one notice may take before the next one stops waiting for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// A service that carries notices. It may block; it is called away from the async workers.
pub trait Sink: Send + Sync + 'static {
    /// Its name in logs.
    fn name(&self) -> &'static str;

    /// Carries one notice.
    ///
    /// # Errors
    /// If the service did not take it.
    fn send(&self, notice: &Notice) -> Result<(), NotifyError>;
}

/// A notice was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {sink} did not take the notice: {cause}")]
pub struct NotifyError {
    /// The service, in words: `desktop notification service`.
    pub sink: &'static str,
    /// What it said.
    pub cause: String,
}

/// The services in use; none at first.
#[derive(Default)]
pub struct Sinks {
    outlets: Vec<Outlet>,
}

impl std::fmt::Debug for Sinks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.outlets.iter().map(|outlet| outlet.sink.name())).finish()
    }
}

impl Sinks {
    /// No service: notices go nowhere.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// And the desktop's notification service.
    #[must_use]
    pub fn desktop(self) -> Self {
        self.with(Desktop)
    }

    /// And this one.
    #[must_use]
    pub fn with(mut self, sink: impl Sink) -> Self {
        self.outlets.push(Outlet { sink: Arc::new(sink), under_way: None, logged: None });
        self
    }

    /// Hands the notice to every service.
    pub(crate) async fn send(&mut self, notice: &Notice) {
        for outlet in &mut self.outlets {
            outlet.send(notice).await;
        }
    }
}

struct Outlet {
    sink: Arc<dyn Sink>,
    /// A call that did not come back in time. No further one is started meanwhile: threads must not pile up.
    under_way: Option<JoinHandle<Result<(), NotifyError>>>,
    /// The cause that was logged last, so that a machine without a service is told so once.
    logged: Option<String>,
}

impl Outlet {
    async fn send(&mut self, notice: &Notice) {
        if self.under_way.as_ref().is_some_and(|call| !call.is_finished()) {
            return self.log(Err(self.fault("it still does not answer")));
        }
        let (sink, notice) = (Arc::clone(&self.sink), notice.clone());
        let mut call = tokio::task::spawn_blocking(move || sink.send(&notice));
        let outcome = match tokio::time::timeout(PATIENCE, &mut call).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panicked)) => Err(self.fault(&panicked.to_string())),
            Err(_) => {
                self.under_way = Some(call);
                Err(self.fault("it does not answer"))
            }
        };
        self.log(outcome);
    }

    fn fault(&self, cause: &str) -> NotifyError {
        NotifyError { sink: self.sink.name(), cause: cause.to_owned() }
    }

    fn log(&mut self, outcome: Result<(), NotifyError>) {
        match outcome {
            Ok(()) => self.logged = None,
            Err(error) => {
                if self.logged.as_ref() != Some(&error.cause) {
                    tracing::warn!(%error, "no notice could be shown");
                    self.logged = Some(error.cause);
                }
            }
        }
    }
}
