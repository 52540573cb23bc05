use chrono::TimeZone;
use messages::{Kind, Severity};

use super::*;

fn start() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 22, 9, 0, 0).unwrap()
}

fn told(release: &str, number: u64) -> Told {
    let at = start() + TimeDelta::seconds(number as i64);
    Told { notice: notice(release, number, at), last: false }
}

fn last(release: &str, number: u64) -> Told {
    Told { last: true, ..told(release, number) }
}

fn notice(release: &str, number: u64, at: DateTime<Utc>) -> Notice {
    let minimal = serde_json::json!({
        "id": format!("{release}-{number}"), "number": number, "at": at, "kind": Kind::Other, "severity": Severity::Info,
        "reason": "Word", "message": "it happened", "namespace": "shop", "policy": "front", "workload": "front",
        "release": release, "releaseUid": format!("uid-{release}"), "attempt": 1, "purpose": "Update", "phase": "Shifting",
    });
    serde_json::from_value(minimal).unwrap()
}

/// Sends all that can be sent now to a receiver that takes everything.
fn drain(queue: &mut Queue, now: DateTime<Utc>) -> Vec<String> {
    std::iter::from_fn(|| {
        let (notice, _) = queue.next(now)?;
        queue.delivered(&notice, None);
        Some(notice.id)
    })
    .collect()
}

#[test]
fn a_release_is_told_in_its_order_and_nothing_twice() {
    let mut queue = Queue::default();
    for number in [1, 2, 2, 1, 3] {
        queue.add(told("a", number), true);
    }
    assert_eq!(drain(&mut queue, start()), ["a-1", "a-2", "a-3"]);
    queue.add(told("a", 3), true);
    assert_eq!(queue.pending(), 0);
}

#[test]
fn the_oldest_of_all_releases_comes_first() {
    let mut queue = Queue::default();
    for (release, number) in [("b", 2), ("b", 4), ("a", 1), ("a", 3)] {
        queue.add(told(release, number), true);
    }
    assert_eq!(drain(&mut queue, start()), ["a-1", "b-2", "a-3", "b-4"]);
}

#[test]
fn a_receiver_that_is_down_is_asked_ever_more_seldom_and_gets_everything_afterwards() {
    let (mut queue, mut now) = (Queue::default(), start());
    queue.add(told("a", 1), true);
    queue.add(told("a", 2), true);
    let mut pauses = Vec::new();
    for _ in 0..12 {
        assert!(queue.next(now).is_some());
        queue.failed(now, None);
        let due = queue.due(now).unwrap();
        assert!(queue.next(due - TimeDelta::milliseconds(1)).is_none());
        pauses.push((due - now).num_milliseconds());
        now = due;
    }
    assert_eq!(pauses[..4], [500, 1_000, 2_000, 4_000]);
    assert_eq!(pauses[11], 120_000);
    assert_eq!(drain(&mut queue, now), ["a-1", "a-2"]);
    assert_eq!(queue.due(now), None);
}

#[test]
fn a_receiver_that_asks_for_time_gets_it() {
    let mut queue = Queue::default();
    queue.add(told("a", 1), true);
    queue.failed(start(), Some(Duration::from_secs(30)));
    assert_eq!(queue.due(start()), Some(start() + TimeDelta::seconds(30)));
    queue.hopeful();
    assert!(queue.next(start()).is_some());
}

#[test]
fn what_a_receiver_refuses_for_what_it_says_is_in_nobodys_way() {
    let mut queue = Queue::default();
    queue.add(told("a", 1), true);
    queue.add(told("a", 2), true);
    let mut now = start();
    for attempt in 0..REFUSALS {
        let (first, _) = queue.next(now).unwrap();
        assert_eq!((first.number, queue.was_refused(&first)), (1, attempt > 0));
        queue.refused(&first, now);
        now += TimeDelta::minutes(2);
    }
    assert_eq!(drain(&mut queue, now), ["a-2"]);
    assert_eq!(queue.dropped(), 1);
}

#[test]
fn what_is_a_day_old_is_news_no_more() {
    let mut queue = Queue::default();
    queue.add(told("a", 1), true);
    queue.add(Told { notice: notice("a", 2, start() + TimeDelta::hours(30)), last: false }, true);
    let now = start() + TimeDelta::hours(30);
    assert_eq!(queue.next(now).map(|(n, _)| n.number), Some(2));
    assert_eq!(queue.dropped(), 1);
    assert_eq!(queue.unwritten()[0].up_to, 1);
}

#[test]
fn what_was_written_down_is_not_told_again() {
    let mut queue = Queue::default();
    queue.remember(("shop".into(), "uid-a".into()), 2, Some("1.5".into()), start());
    for number in 1..=3 {
        queue.add(told("a", number), true);
    }
    let (next, thread) = queue.next(start()).unwrap();
    assert_eq!((next.number, thread.as_deref()), (3, Some("1.5")));
}

#[test]
fn the_thread_is_that_of_the_first_message_that_the_receiver_took() {
    let mut queue = Queue::default();
    for number in 1..=3 {
        queue.add(told("a", number), true);
    }
    for thread in ["first", "second"] {
        let (notice, _) = queue.next(start()).unwrap();
        queue.delivered(&notice, Some(thread.into()));
    }
    assert_eq!(queue.next(start()).unwrap().1.as_deref(), Some("first"));
    assert_eq!(queue.unwritten()[0].thread.as_deref(), Some("first"));
}

#[test]
fn what_passes_by_is_written_down_when_the_release_ends_and_is_forgotten_then() {
    let mut queue = Queue::default();
    queue.add(told("a", 1), false);
    queue.add(told("a", 2), false);
    assert_eq!(queue.unwritten(), []);
    queue.add(last("a", 3), false);
    let progress = queue.unwritten();
    assert_eq!((progress.len(), progress[0].up_to, progress[0].release.as_str()), (1, 3, "a"));
    queue.written(&progress[0]);
    assert!(queue.lines.is_empty());
}

#[test]
fn an_end_that_was_told_is_written_down_once() {
    let mut queue = Queue::default();
    queue.add(last("a", 1), true);
    assert_eq!(queue.unwritten(), [], "nothing was taken yet");
    drain(&mut queue, start());
    let progress = queue.unwritten();
    assert_eq!(progress.len(), 1);
    queue.written(&progress[0]);
    assert_eq!(queue.unwritten(), []);
    assert!(queue.lines.is_empty());
}

#[test]
fn a_release_that_says_more_than_can_wait_loses_the_oldest() {
    let mut queue = Queue::default();
    for number in 1..=OF_ONE_RELEASE as u64 + 2 {
        queue.add(told("a", number), true);
    }
    assert_eq!((queue.pending(), queue.dropped()), (OF_ONE_RELEASE, 2));
    assert_eq!(queue.next(start()).unwrap().0.number, 3);
}
