//! What is overridden, as sentences: "why is this on Warm?", "why is this route not used?".

use switchyard_domain::map::{Route, RoutingMap};
use switchyard_domain::operate::{ForcedBreaker, KillScope, Order, WhyView};

use crate::fleet::Fleet;

/// `(reason)`, where there is one.
fn because(order: &Order) -> String {
    order.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"))
}

impl Fleet {
    /// Why requests go elsewhere than the map says because of what was ordered, newest first.
    #[must_use]
    pub fn why_ordered(&self, map: &RoutingMap) -> Vec<WhyView> {
        let orders = &self.orders;
        let mut why: Vec<WhyView> = Vec::new();
        let mut say = |order: &Order, sentence: String| {
            why.push(WhyView { since_ms: Some(order.at_ms), sentence });
        };
        if let Some(order) = &orders.all_off {
            say(order, format!("Every request is refused: the all-off switch is thrown{}.", because(order)));
        }
        for except in &orders.except {
            say(
                &except.order,
                format!("{} is left out everywhere{}.", except.provider, because(&except.order)),
            );
        }
        for kill in &orders.kills {
            let what = match &kill.scope {
                KillScope::Route(id) => id.to_string(),
                KillScope::Model(name) => format!("Model {name}"),
                KillScope::Provider(name) => format!("Provider {name}"),
            };
            say(&kill.order, format!("{what} is switched off by hand{}.", because(&kill.order)));
        }
        for forced in &orders.forced {
            say(&forced.order, held(forced));
        }
        for (job, order) in &orders.jobs {
            let known = *job == map.default_job.name || map.jobs.contains_key(job);
            let note = if known && !super::routes_named(map, &order.models).is_empty() {
                ""
            } else {
                "; the map no longer has it, so it changes nothing"
            };
            let models = order.models.join(", ");
            say(
                &order.order,
                format!("The job {job} is overridden: {models}{}{note}.", because(&order.order)),
            );
        }
        why.sort_by_key(|why| std::cmp::Reverse(why.since_ms));
        why
    }

    /// Why a route does not serve as the map says, because of what was ordered.
    #[must_use]
    pub fn why_route_ordered(&self, route: &Route) -> Option<String> {
        let serves = |name: &String| route.model == *name || route.aliases.contains(name);
        let kill = self.orders.kills.iter().find(|kill| match &kill.scope {
            KillScope::Route(id) => *id == route.id,
            KillScope::Model(name) => serves(name),
            KillScope::Provider(name) => *name == route.provider,
        });
        if let Some(kill) = kill {
            let what = match &kill.scope {
                KillScope::Route(_) => "It".to_owned(),
                KillScope::Model(_) | KillScope::Provider(_) => format!("The {}", kill.scope),
            };
            return Some(format!("{what} is switched off by hand{}.", because(&kill.order)));
        }
        if let Some(except) = self.orders.except.iter().find(|except| except.provider == route.provider) {
            return Some(format!("{} is left out everywhere{}.", except.provider, because(&except.order)));
        }
        self.orders.forced.iter().find(|forced| forced.route == route.id).map(held)
    }

    /// Overrides of jobs that this map can't follow: the job or every model of it is gone.
    #[must_use]
    pub fn overrides_without_effect(&self, map: &RoutingMap) -> Vec<String> {
        let jobs = self.orders.jobs.iter().filter(|(job, order)| {
            let known = **job == map.default_job.name || map.jobs.contains_key(*job);
            !known || super::routes_named(map, &order.models).is_empty()
        });
        jobs.map(|(job, _)| job.clone()).collect()
    }
}

fn held(forced: &ForcedBreaker) -> String {
    let how = if forced.open { "open" } else { "closed" };
    format!("The breaker of {} is held {how} by hand{}.", forced.route, because(&forced.order))
}
