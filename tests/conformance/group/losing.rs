//! A runtime that goes away.

use droves::group::{EndError, Exit, Group, Runtime};

use super::help::{Groups, Log, service};
use crate::help::{Court, Gate};
use crate::world::Mortal;

fn promise_03_who_waits_for_a_group_without_a_runtime_is_told<W: Mortal<Rt: Runtime>>() {
    W::doom(
        async |w| {
            let (log, court, gate) = (Log::new(), Court::new(), Gate::new());
            let (mut kept, opened) = (Some(court.witness()), gate.clone());
            let keeps = droves::group::Member::new("keeps", move |run| {
                let (kept, gate) = (kept.take(), opened.clone());
                async move {
                    run.ready();
                    gate.pass().await;
                    drop(kept);
                }
            });
            let handle = Group::parallel([service("a", &log), keeps]).start(w.rt()).unwrap();
            handle.ready().await.unwrap();
            (handle, court)
        },
        |(handle, court)| {
            let ended = futures_lite::future::block_on(handle.wait());
            // The driver may have heard that its members were dropped before it was dropped itself.
            let trace = match ended.unwrap_err() {
                EndError::RuntimeGone(trace) | EndError::Failed(trace) => trace,
            };
            assert!(trace.exits().iter().all(|exit| matches!(exit.exit, Exit::Lost)));
            assert!(handle.is_done() && handle.signal(droves::group::Signal::HANGUP).is_ok());
            assert_eq!(court.count(), 0);
            let snapshot = futures_lite::future::block_on(handle.snapshot());
            assert_eq!(snapshot.members.len(), 2);
        },
    );
}

fn promise_03_a_group_that_cannot_be_started_comes_back_or_is_lost<W: Mortal<Rt: Runtime>>() {
    W::gone(|rt| {
        let log = Log::new();
        match Group::parallel([service("a", &log)]).start(rt) {
            Ok(handle) => {
                let ended = futures_lite::future::block_on(handle.wait());
                assert!(matches!(ended, Err(EndError::RuntimeGone(_))));
            }
            Err(error) => assert!(format!("{:?}", error.group).contains("\"a\"")),
        }
        assert_eq!(log.len(), 0);
    });
}

#[allow(dead_code, reason = "it is the bound of the others")]
fn bound<W: Groups>() {}

on_mortal! {
    promise_03_who_waits_for_a_group_without_a_runtime_is_told,
    promise_03_a_group_that_cannot_be_started_comes_back_or_is_lost,
}
