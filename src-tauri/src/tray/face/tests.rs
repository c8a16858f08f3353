use switchyard_domain::Problem;

use super::samples::{on_warm, snapshot};
use super::*;

#[test]
fn a_normal_day() {
    let face = Face::of_snapshot(&snapshot());
    assert_eq!(face.sign, Sign::Clear);
    assert_eq!((face.state.as_str(), face.detail.as_str()), ("All clear", "6.2 requests a minute"));
    assert_eq!(face.tiers, ["Hot: sonnet-4.6 answers, 100 %", "Warm: standing by, 0 %", "Cold: standing by"]);
    assert_eq!(face.endpoint.as_deref(), Some("http://127.0.0.1:4310/v1"));
}

#[test]
fn nothing_asked_yet_is_no_answer() {
    let mut seen = snapshot();
    seen.status.lamp = switchyard_domain::event::StatusLevel::Unknown;
    seen.status.state = "Ready.".to_owned();
    seen.tiers[0].routes[0].last.clear();
    seen.tiers[0].share_percent = None;
    let face = Face::of_snapshot(&seen);
    assert_eq!((face.sign, face.state.as_str()), (Sign::Clear, "Ready"));
    assert_eq!(face.tiers[0], "Hot: sonnet-4.6 comes next");
}

#[test]
fn an_incident() {
    let face = Face::of_snapshot(&on_warm());
    assert_eq!(face.sign, Sign::Degraded);
    assert_eq!((face.state.as_str(), face.detail.as_str()), ("Running on Warm", "212 requests kept, 0 lost"));
    assert_eq!(
        face.tiers,
        ["Hot: Stop, 529 overloaded, 0 %", "Warm: gpt-4o-mini answers, 100 %", "Cold: 4 jobs, 1 for you"]
    );
}

#[test]
fn a_pause_wins_over_everything_else() {
    let mut seen = on_warm();
    seen.pause.paused = true;
    let face = Face::of_snapshot(&seen);
    assert_eq!((face.sign, face.paused), (Sign::Paused, true));
}

#[test]
fn without_a_router_the_reason_is_there() {
    let problem =
        Problem::new("port_busy", "Port 4310 is used by nginx (pid 12). Stop it or set SWITCHYARD_PORT.");
    let face = Face::of(&Standing::Closed(problem));
    assert_eq!(face.sign, Sign::Stop);
    assert!(face.detail.contains("nginx (pid 12)"));
    assert_eq!(face.endpoint, None);
}
