//! Members that take too long.

use droves::group::machine::Cut;
use droves::group::{Exit, Group, Member, Notice, Topic, What};

use super::help::{Groups, Log, TERM, service};
use crate::help::Court;
use crate::tasks::help::{HOUR, MINUTE, Odds};

/// Never ready, hears nothing, and ends with its cancellation or not at all.
fn deaf(name: &str, hears_cancel: bool, ready: bool, court: &Court) -> Member {
    let witness = court.witness();
    Member::new(name, move |run| {
        let witness = witness.clone();
        async move {
            if ready {
                run.ready();
            }
            let token = run.cancel_token();
            if hears_cancel {
                token.cancelled().await;
            } else {
                std::future::pending::<()>().await;
            }
            drop(witness);
        }
    })
}

async fn limits_a_member_that_is_never_ready_is_cancelled<W: Groups>(w: &W) {
    let (log, court, odds) = (Log::new(), Court::new(), Odds::new());
    let slow = deaf("slow", true, false, &court).ready_within(HOUR);
    let group = Group::parallel([service("a", &log), slow]).termination(TERM);
    let handle = w.start_group_on(group, &odds);
    odds.pass(w, HOUR.saturating_sub(MINUTE)).await;
    assert_eq!((court.count(), handle.is_done()), (2, false), "it has time yet");
    odds.jump(MINUTE);
    let error = handle.wait().await.unwrap_err();
    let text = "slow exited with error: it was not ready in time\na exited with nil";
    assert_eq!(error.to_string(), text);
    assert_eq!(error.trace().exits()[0].cut, Some(Cut::NotReady));
}

async fn limits_a_member_that_is_never_ready_and_ignores_that_it_is_cancelled_is_abandoned<
    W: Groups,
>(
    w: &W,
) {
    let (log, court, odds) = (Log::new(), Court::new(), Odds::new());
    let slow = deaf("slow", false, false, &court).ready_within(HOUR);
    let group = Group::parallel([service("a", &log), slow]).termination(TERM);
    let handle = w.start_group_on(group, &odds);
    odds.pass(w, HOUR).await;
    assert_eq!((court.count(), handle.is_done()), (2, false), "it has as long again");
    odds.pass(w, HOUR).await;
    let error = handle.wait().await.unwrap_err();
    let text =
        "slow exited with error: it was not ready in time, and was abandoned\na exited with nil";
    assert_eq!(error.to_string(), text);
    let [slow, _] = error.trace().exits() else { panic!("{error}") };
    assert!(matches!(slow.exit, Exit::Abandoned) && slow.cut == Some(Cut::NotReady));
    w.until(|| court.count() == 0).await;
}

async fn limits_a_member_that_ignores_signals_is_cancelled_and_then_abandoned<W: Groups>(w: &W) {
    let (log, court, odds) = (Log::new(), Court::new(), Odds::new());
    let members = [
        service("a", &log),
        deaf("polite", true, true, &court).stop_within(HOUR),
        deaf("deaf", false, true, &court).stop_within(HOUR),
    ];
    let handle = w.start_group_on(Group::ordered(members), &odds);
    handle.ready().await.unwrap();
    handle.signal(TERM).unwrap();
    // The last is told first: it has its time twice. The other ends within the second.
    for _ in 0..3 {
        odds.pass(w, HOUR.saturating_sub(MINUTE)).await;
        assert!(!handle.is_done());
        odds.pass(w, MINUTE).await;
    }
    let error = handle.wait().await.unwrap_err();
    let exits = error.trace().exits();
    assert!(matches!(exits[0].exit, Exit::Abandoned));
    assert_eq!(exits[0].cut, Some(Cut::Abandoned));
    assert!(exits[1].exit.is_clean() && exits[1].cut == Some(Cut::Cancelled));
    assert!(exits[2].exit.is_clean() && exits[2].cut.is_none());
    // One abandoned is dropped where it waits. The functions go with the group.
    w.until(|| court.count() == 0).await;
    let mut events = handle.events(Topic::All).await;
    let mut abandoned = 0;
    while let Some(notice) = events.next().await {
        let Notice::Event(event) = notice else { panic!("{notice:?}") };
        abandoned += usize::from(matches!(event.what, What::Abandoned));
    }
    assert_eq!(abandoned, 1);
}

async fn limits_a_stop_deadline_holds_for_the_whole_group<W: Groups>(w: &W) {
    let (court, odds) = (Court::new(), Odds::new());
    let members = ["a", "b", "c"].map(|name| deaf(name, name == "b", true, &court));
    let handle = w.start_group_on(Group::ordered(members).stop_within(HOUR), &odds);
    handle.ready().await.unwrap();
    handle.signal(TERM).unwrap();
    for _ in 0..2 {
        odds.pass(w, HOUR.saturating_sub(MINUTE)).await;
        assert!(!handle.is_done());
        odds.pass(w, MINUTE).await;
    }
    let error = handle.wait().await.unwrap_err();
    let exits = error.trace().exits();
    assert_eq!((exits[0].name(), exits[0].cut), ("b", Some(Cut::Cancelled)));
    assert!(exits[1..].iter().all(|exit| matches!(exit.exit, Exit::Abandoned)));
    w.until(|| court.count() == 0).await;
}

async fn limits_cancel_asks_all_members_at_once<W: Groups>(w: &W) {
    let court = Court::new();
    let members = ["a", "b", "c"].map(|name| deaf(name, true, true, &court));
    let handle = Group::ordered(members).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    handle.cancel();
    assert_eq!(handle.wait().await.unwrap().exits().len(), 3);
}

on_all! {
    limits_a_member_that_is_never_ready_is_cancelled,
    limits_a_member_that_is_never_ready_and_ignores_that_it_is_cancelled_is_abandoned,
    limits_a_member_that_ignores_signals_is_cancelled_and_then_abandoned,
    limits_a_stop_deadline_holds_for_the_whole_group,
    limits_cancel_asks_all_members_at_once,
}
