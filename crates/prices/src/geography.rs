//! What it costs that an answer is made in one country or region. The price list has it for Bedrock alone.

use std::borrow::Cow;

use switchyard_domain::map::Route;
use switchyard_domain::usage::Geography;

/// The price as listed, millionths.
const AS_LISTED: u32 = 1_000_000;
/// Ten percent more, millionths: what every vendor below takes.
const PREMIUM: u32 = 1_100_000;

/// What a route's tokens are multiplied with, millionths. Calls of server tools are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GeographyRule {
    /// Where the answer doesn't say it was held inside a region.
    usual: u32,
    /// Where it does.
    regional: u32,
}

impl GeographyRule {
    /// No difference.
    pub(crate) const NONE: Self = Self { usual: AS_LISTED, regional: AS_LISTED };

    /// By the list's name of the vendor, the list's entry (`vendor/model`), and where the route goes.
    pub(crate) fn of(vendor: &str, source: &str, route: &Route) -> Self {
        let model = source.split_once('/').map_or(source, |(_, model)| model);
        match vendor {
            // platform.claude.com/docs/en/about-claude/pricing#data-residency-pricing: `inference_geo: "us"` costs 1.1
            // times in every category of tokens, for Opus 4.6, Sonnet 4.6 and later models. The answer echoes it, whether
            // the request or the workspace's default asked for it.
            "anthropic" if version(model) >= Some((4, 6)) => Self { usual: AS_LISTED, regional: PREMIUM },
            // platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai: regional and multi-region endpoints
            // cost ten percent more than the global one, from Sonnet 4.5, Haiku 4.5 and Opus 4.5 on.
            "google" if model.contains("claude") && version(model) >= Some((4, 5)) => {
                let is_global = region(route).is_some_and(|region| region == "global");
                if is_global { Self::NONE } else { Self { usual: PREMIUM, regional: PREMIUM } }
            }
            // developers.openai.com data-residency: the regional hosts cost ten percent more for models released since
            // 2026-03-05, the day of gpt-5.4.
            "openai" if is_residency_host(route) && version(model) >= Some((5, 4)) => {
                Self { usual: PREMIUM, regional: PREMIUM }
            }
            // platform.claude.com/docs/en/build-with-claude/claude-in-amazon-bedrock#regions: `us.`, `eu.`, `jp.`, `au.`,
            // `apac.` and bare ids cost ten percent more than `global.`. The list has entries of its own for both
            // (`regional.`, `global.`), so nothing is added here.
            _ => Self::NONE,
        }
    }

    /// Millionths.
    pub(crate) const fn ppm(self, geography: Geography) -> u32 {
        match geography {
            Geography::Regional => self.regional,
            Geography::Unsaid | Geography::Global => self.usual,
        }
    }

    /// The dearer of both, millionths.
    pub(crate) const fn worst_ppm(self) -> u32 {
        if self.regional > self.usual { self.regional } else { self.usual }
    }
}

fn region(route: &Route) -> Option<Cow<'_, str>> {
    let host = route.base_url.host_str()?;
    if host == "aiplatform.googleapis.com" {
        return Some(Cow::Borrowed("global"));
    }
    route.region.as_deref().map(Cow::Borrowed)
}

/// `eu.api.openai.com`, `us.api.openai.com`, ...
fn is_residency_host(route: &Route) -> bool {
    route.base_url.host_str().is_some_and(|host| host.ends_with(".api.openai.com"))
}

/// The generation in a model's name: `claude-opus-4-6`, `claude-3.5-haiku`, `gpt-5.6-sol`. Dates are none.
fn version(model: &str) -> Option<(u32, u32)> {
    let is_version = |part: &str| part.len() <= 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = model.split(['-', '.', '@', '/', ':']);
    let major = parts.find(|part| !part.is_empty() && is_version(part))?.parse().ok()?;
    let minor = parts.next().filter(|part| is_version(part)).and_then(|part| part.parse().ok());
    Some((major, minor.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn generations_are_read_from_names() {
        for (model, expected) in [
            ("claude-opus-4-6", Some((4, 6))),
            ("claude-sonnet-4-5-20250929", Some((4, 5))),
            ("claude-sonnet-4-20250514", Some((4, 0))),
            ("claude-4.5-sonnet", Some((4, 5))),
            ("claude-3-5-haiku", Some((3, 5))),
            ("claude-fable-5-1", Some((5, 1))),
            ("claude-opus-5", Some((5, 0))),
            ("claude-opus-4@20250514", Some((4, 0))),
            ("gpt-5.6-sol", Some((5, 6))),
            ("gpt-5-mini", Some((5, 0))),
            ("gpt-4o", None),
            ("o3", None),
        ] {
            assert_eq!(version(model), expected, "{model}");
        }
    }
}
