//! A provider's region that is down while another one of the same provider answers.

use std::collections::BTreeMap;

use switchyard_domain::RouteId;

/// One region of a provider is out of use, another answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionOutage {
    /// The provider's name in the map.
    pub provider: String,
    /// The region that does not answer.
    pub region: String,
    /// Its routes.
    pub routes: Vec<RouteId>,
    /// A region of the same provider that answers.
    pub answers: String,
}

/// What is known of one route, as far as regions go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RouteSeen<'a> {
    pub(crate) id: &'a RouteId,
    pub(crate) provider: &'a str,
    pub(crate) region: Option<&'a str>,
    /// Its circuit is not closed.
    pub(crate) is_out: bool,
    /// Its last call succeeded.
    pub(crate) answers: bool,
}

/// Every region all of whose routes are out while a route in another region of the same provider answers.
pub(crate) fn outages<'a>(routes: impl Iterator<Item = RouteSeen<'a>>) -> Vec<RegionOutage> {
    let mut regions: BTreeMap<(&str, &str), Vec<RouteSeen<'_>>> = BTreeMap::new();
    for route in routes {
        if let Some(region) = route.region {
            regions.entry((route.provider, region)).or_default().push(route);
        }
    }
    let mut out = Vec::new();
    for ((provider, region), routes) in &regions {
        if !routes.iter().all(|route| route.is_out) {
            continue;
        }
        let other = regions.iter().find(|((of, other), routes)| {
            of == provider && other != region && routes.iter().any(|route| route.answers && !route.is_out)
        });
        if let Some(((_, answers), _)) = other {
            out.push(RegionOutage {
                provider: (*provider).to_owned(),
                region: (*region).to_owned(),
                routes: routes.iter().map(|route| route.id.clone()).collect(),
                answers: (*answers).to_owned(),
            });
        }
    }
    out
}
