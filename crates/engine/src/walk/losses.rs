//! Losses in translation are told to those who watch, but not again for every request.

use std::collections::HashMap;

use switchyard_domain::{Now, RouteId};

/// The same loss on the same route is told again after this, milliseconds.
const AGAIN_MS: u64 = 600_000;
/// Kinds of loss kept in mind; beyond them the oldest are forgotten.
const MOST: usize = 512;

/// When each kind of loss was told last.
#[derive(Debug, Default)]
pub(crate) struct Losses(HashMap<(RouteId, String), u64>);

impl Losses {
    /// Whether any of these losses on a route has not been told for a while; if so, all of them are told now.
    pub(crate) fn is_news(&mut self, route: &RouteId, lost: &[String], now: Now) -> bool {
        if self.0.len() > MOST {
            self.0.retain(|_, told| now.mono_ms.saturating_sub(*told) < AGAIN_MS);
            if self.0.len() > MOST {
                self.0.clear();
            }
        }
        let mut news = false;
        for lost in lost {
            // `field_dropped messages[3].name`: the place differs with each request, the code does not.
            let code = lost.split(' ').next().unwrap_or(lost).to_owned();
            let told = self.0.entry((route.clone(), code)).or_insert(0);
            news |= *told == 0 || now.mono_ms.saturating_sub(*told) >= AGAIN_MS;
            if news {
                *told = now.mono_ms.max(1);
            }
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_told_once_in_ten_minutes_per_route() {
        let mut losses = Losses::default();
        let at = |ms| Now { mono_ms: ms, wall_ms: 0 };
        let (a, b) = (RouteId::from("a"), RouteId::from("b"));
        let lost = |field: &str| vec![format!("field_dropped {field}")];
        assert!(losses.is_news(&a, &lost("seed"), at(5)));
        assert!(!losses.is_news(&a, &lost("user"), at(6)), "the same kind of loss");
        assert!(losses.is_news(&b, &lost("seed"), at(6)), "another route");
        assert!(losses.is_news(&a, &lost("seed"), at(5 + AGAIN_MS)));
    }
}
