use super::*;

const HOUR: u64 = 3_600;

fn letter(to: &str, thread: &str, begins: bool) -> Letter {
    let text = format!("{thread} {}", if begins { "begins" } else { "ends" });
    Letter {
        to: format!("https://{to}.example.com/s3cret").parse().unwrap(),
        thread: thread.to_owned(),
        begins,
        text,
    }
}

fn at(seconds: u64) -> Now {
    Now::default().plus_ms(seconds * 1_000)
}

fn due(state: &mut State, online: bool, seconds: u64) -> Vec<(u64, String)> {
    let due = state.take_due(online, at(seconds));
    due.into_iter()
        .map(|(number, letter)| (number, format!("{}: {}", &shown(&letter.to)[8..9], letter.text)))
        .collect()
}

fn one(state: &mut State, seconds: u64) -> u64 {
    let due = due(state, true, seconds);
    let [(number, _)] = due.as_slice() else { panic!("{due:?} at {seconds}") };
    *number
}

#[test]
fn a_text_is_tried_again_with_growing_waits_until_it_arrives() {
    let mut state = State::default();
    state.push(letter("a", "1", true), at(0));
    let mut tries = Vec::new();
    for second in 0..700 {
        for (number, _) in due(&mut state, true, second) {
            tries.push(second);
            state.tried(number, Tried::Failed, None, at(second));
        }
    }
    assert_eq!(tries, [0, 1, 3, 7, 15, 31, 63, 127, 255, 511]);
    state.hurry(at(700));
    let number = one(&mut state, 700);
    assert_eq!(due(&mut state, true, 9 * HOUR), [], "it is under way");
    state.tried(number, Tried::Arrived, None, at(701));
    assert!(state.waiting.is_empty());
}

#[test]
fn what_was_said_offline_is_sent_when_the_network_is_back_in_the_same_order() {
    let mut state = State::default();
    for (to, begins) in [("a", true), ("b", true), ("a", false)] {
        state.push(letter(to, "1", begins), at(0));
    }
    state.push(Letter { to: "http://127.0.0.1:9/x".parse().unwrap(), ..letter("h", "1", true) }, at(0));
    assert_eq!(due(&mut state, false, 60), [(4, "2: 1 begins".to_owned())], "this machine needs no network");
    assert_eq!(
        due(&mut state, true, 61),
        [(1, "a: 1 begins".to_owned()), (2, "b: 1 begins".to_owned())],
        "one at a time for each target"
    );
    state.tried(1, Tried::Arrived, None, at(62));
    assert_eq!(due(&mut state, true, 62), [(3, "a: 1 ends".to_owned())]);
}

#[test]
fn who_never_heard_of_the_beginning_hears_of_no_end() {
    let mut state = State::default();
    state.push(letter("a", "1", true), at(0));
    state.push(letter("a", "1", false), at(1));
    state.push(letter("a", "2", true), at(1));
    let first = one(&mut state, 2);
    state.tried(first, Tried::RefusedForGood, None, at(2));
    assert_eq!(due(&mut state, true, 2), [(3, "a: 2 begins".to_owned())], "another thread is another matter");
    state.push(letter("a", "1", false), at(90));
    assert_eq!(state.waiting.len(), 1);
    state.push(letter("a", "1", true), at(200));
    state.push(letter("a", "1", false), at(201));
    assert_eq!(state.waiting.len(), 3, "a new beginning is told, and its end");
}

#[test]
fn the_outbox_is_bounded_in_number_and_in_time() {
    let mut state = State::default();
    for thread in 0..=MOST_WAITING {
        state.push(letter("a", &thread.to_string(), true), at(0));
    }
    assert_eq!(state.waiting.len(), MOST_WAITING);
    assert_eq!(state.waiting[0].letter.thread, "1", "the oldest went");
    assert_eq!(due(&mut state, true, 25 * HOUR), []);
    assert!(state.waiting.is_empty() && state.given_up.len() <= MOST_GIVEN_UP, "news of yesterday");
}

#[test]
fn the_same_text_is_taken_once_a_minute() {
    let mut state = State::default();
    for second in [0, 1, 59, 60] {
        state.push(letter("a", "1", true), at(second));
    }
    assert_eq!(state.waiting.len(), 2);
}

#[tokio::test]
async fn a_target_that_hangs_holds_up_no_other_and_one_that_is_down_is_asked_again() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let hanging = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (hung, well) = (hanging.local_addr().unwrap(), listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut taken = 0;
        for answer in ["503 Service Unavailable", "200 OK"] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut got = Vec::new();
            while !got.ends_with(b"}") {
                stream.read_buf(&mut got).await.unwrap();
            }
            let head = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            taken += 1;
        }
        taken
    });
    let outbox = std::sync::Arc::new(Outbox::default());
    for to in [hung, well] {
        let to = format!("http://{to}/hook").parse().unwrap();
        outbox.push(Letter { to, ..letter("x", "1", true) }, Now::default());
    }
    // A clock that makes every wait short: a second of it is a millisecond.
    let clock = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let now = move || Now::default().plus_ms(clock.fetch_add(1_000, std::sync::atomic::Ordering::Relaxed));
    let runs = std::sync::Arc::clone(&outbox);
    let run = tokio::spawn(async move { runs.run(now, || true).await });
    let taken = tokio::time::timeout(std::time::Duration::from_secs(30), server).await;
    assert_eq!(taken.unwrap().unwrap(), 2);
    run.abort();
    assert!(outbox.waiting() <= 2, "the hanging one still waits");
}
