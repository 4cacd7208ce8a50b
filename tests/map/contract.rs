//! What a map promises on every runtime.

use std::panic::panic_any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use droves::cancel::CancelToken;
use droves::map::{iter, map};
use futures_core::Stream;
use futures_lite::future::{poll_once, yield_now, zip};

use crate::help::{Gauge, Runs, calls, caught, comes};

/// All that holds on every runtime.
pub async fn keeps_its_promises<Rt: Runs>(rt: &Rt) {
    as_many_run_at_a_time_as_may(rt).await;
    the_order_is_that_of_the_ends(rt).await;
    ordered_is_the_order_of_the_items(rt).await;
    the_input_is_pulled_as_far_as_there_is_room(rt).await;
    nothing_happens_before_the_first_poll(rt).await;
    an_input_that_waits_keeps_no_result_waiting(rt).await;
    a_panic_comes_in_its_place_and_ends_it(rt).await;
    a_dropped_map_stops(rt).await;
    few_items_and_none(rt).await;
}

async fn as_many_run_at_a_time_as_may<Rt: Runs>(rt: &Rt) {
    for limit in [1, 2, 5] {
        let (gauge, full) = (Gauge::default(), CancelToken::new());
        let (inside, reached) = (gauge.clone(), full.clone());
        let f = calls(move |item| {
            let (entered, reached) = (inside.enter(), reached.clone());
            async move {
                if entered.0.now() == limit {
                    reached.cancel();
                }
                reached.cancelled().await;
                yield_now().await;
                item
            }
        });
        let mut doing = map(rt.clone(), limit, iter(0..40), f);
        let mut sum = 0;
        while let Some(item) = doing.next().await {
            sum += item;
        }
        assert_eq!((sum, gauge.begun(), gauge.most(), gauge.now()), (780, 40, limit, 0));
        assert!(full.is_cancelled());
    }
}

async fn the_order_is_that_of_the_ends<Rt: Runs>(rt: &Rt) {
    let last = CancelToken::new();
    let go = last.clone();
    let f = calls(move |item| {
        let go = go.clone();
        async move {
            if item == 0 {
                go.cancelled().await;
            }
            item
        }
    });
    let mut doing = map(rt.clone(), 2, iter(0..5), f);
    let mut given = Vec::new();
    while let Some(item) = doing.next().await {
        given.push(item);
        if given.len() == 4 {
            last.cancel();
        }
    }
    assert_eq!(given, [1, 2, 3, 4, 0]);
}

async fn ordered_is_the_order_of_the_items<Rt: Runs>(rt: &Rt) {
    let f = calls(|item| async move {
        for _ in 0..item * 7 % 11 {
            yield_now().await;
        }
        item
    });
    let mut doing = map(rt.clone(), 3, iter(0..50), f).ordered();
    for item in 0..50 {
        assert_eq!(doing.next().await, Some(item));
    }
    assert_eq!(doing.next().await, None);
    assert_eq!(doing.next().await, None);
}

async fn the_input_is_pulled_as_far_as_there_is_room<Rt: Runs>(rt: &Rt) {
    const LIMIT: usize = 3;
    let pulled = Arc::new(AtomicUsize::new(0));
    let (count, first) = (pulled.clone(), CancelToken::new());
    let go = first.clone();
    let items = iter((0..).inspect(move |_| {
        count.fetch_add(1, SeqCst);
    }));
    let gauge = Gauge::default();
    let inside = gauge.clone();
    let f = calls(move |item| {
        let (go, entered) = (go.clone(), inside.enter());
        async move {
            if item == 0 {
                go.cancelled().await;
            }
            drop(entered);
            item
        }
    });
    let mut doing = map(rt.clone(), LIMIT, items, f).ordered();
    // The first waits until all others that there is room for are done.
    let others = async {
        assert!(comes(|| gauge.begun() == 2 * LIMIT && gauge.now() == 1).await);
        for _ in 0..100 {
            yield_now().await;
        }
        first.cancel();
    };
    let (item, ()) = zip(doing.next(), others).await;
    assert_eq!((item, pulled.load(SeqCst)), (Some(0), 2 * LIMIT), "as far, and no further");
    for item in 1..200 {
        assert_eq!(doing.next().await, Some(item));
        let ahead = pulled.load(SeqCst) - item;
        assert!(
            (1..=2 * LIMIT).contains(&ahead),
            "{ahead} on the way before the {item}th is given"
        );
    }
}

async fn nothing_happens_before_the_first_poll<Rt: Runs>(rt: &Rt) {
    let pulled = Arc::new(AtomicUsize::new(0));
    let count = pulled.clone();
    let items = iter((0..9).inspect(move |_| {
        count.fetch_add(1, SeqCst);
    }));
    let gauge = Gauge::default();
    let inside = gauge.clone();
    let f = calls(move |item| {
        drop(inside.enter());
        async move { item }
    });
    let doing = map(rt.clone(), 4, items, f);
    for _ in 0..20 {
        yield_now().await;
    }
    assert_eq!((pulled.load(SeqCst), gauge.begun(), doing.size_hint()), (0, 0, (9, Some(9))));
    drop(doing);
    assert_eq!((pulled.load(SeqCst), gauge.begun()), (0, 0));
}

async fn an_input_that_waits_keeps_no_result_waiting<Rt: Runs>(rt: &Rt) {
    let (mut sender, receiver) = droves::mailbox::channel(4).unwrap();
    let mut doing = map(rt.clone(), 2, receiver, calls(|item| async move { item + 1 }));
    for item in 0..9 {
        sender.send(item).await.unwrap();
        assert_eq!(doing.next().await, Some(item + 1));
        assert_eq!(doing.size_hint().0, 0);
    }
    assert!(poll_once(doing.next()).await.is_none());
    sender.send(20).await.unwrap();
    drop(sender);
    assert_eq!((doing.next().await, doing.next().await), (Some(21), None));
    assert_eq!(doing.size_hint(), (0, Some(0)));
}

async fn a_panic_comes_in_its_place_and_ends_it<Rt: Runs>(rt: &Rt) {
    for inside in [true, false] {
        let gauge = Gauge::default();
        let calls_of = gauge.clone();
        let f = calls(move |item| {
            if item == 5 && !inside {
                panic_any(77_u8);
            }
            let entered = calls_of.enter();
            async move {
                yield_now().await;
                if item == 5 {
                    panic_any(77_u8);
                }
                if item > 5 {
                    std::future::pending::<()>().await;
                }
                drop(entered);
                item
            }
        });
        let in_items = gauge.clone();
        let items = iter((0..).inspect(move |_| _ = &in_items));
        let mut doing = map(rt.clone(), 4, items, f).ordered();
        for item in 0..5 {
            assert_eq!(caught(&mut doing).await.unwrap(), Some(item));
        }
        let panic = caught(&mut doing).await.unwrap_err();
        assert_eq!(panic.downcast_ref::<u8>(), Some(&77));
        let begun = gauge.begun();
        assert_eq!((gauge.now(), gauge.holders()), (0, 1), "something is left");
        assert_eq!(caught(&mut doing).await.unwrap(), None);
        assert_eq!((gauge.begun(), doing.size_hint()), (begun, (0, Some(0))));
    }
}

async fn a_dropped_map_stops<Rt: Runs>(rt: &Rt) {
    for given in [0, 1, 4] {
        let (gauge, kept) = (Gauge::default(), Arc::new(()));
        let (inside, in_f) = (gauge.clone(), kept.clone());
        let f = calls(move |item| {
            let entered = (inside.enter(), in_f.clone());
            async move {
                if item >= given {
                    std::future::pending::<()>().await;
                }
                drop(entered);
                item
            }
        });
        let in_items = kept.clone();
        let items = iter((0..).inspect(move |_| _ = &in_items));
        let mut doing = map(rt.clone(), 3, items, f);
        for _ in 0..given {
            assert!(doing.next().await.unwrap() < given);
        }
        {
            let mut more = std::pin::pin!(doing.next());
            assert!(poll_once(&mut more).await.is_none());
            assert!(comes(|| gauge.now() == 3).await);
        }
        let begun = gauge.begun();
        drop(doing);
        assert!(comes(|| Arc::strong_count(&kept) == 1 && gauge.now() == 0).await, "leaked");
        assert_eq!((gauge.begun(), gauge.holders()), (begun, 1));
    }
}

async fn few_items_and_none<Rt: Runs>(rt: &Rt) {
    for count in 0..3 {
        let mut doing = map(rt.clone(), 100, iter(0..count), calls(|item| async move { item }));
        let mut given = Vec::new();
        while let Some(item) = doing.next().await {
            given.push(item);
        }
        given.sort_unstable();
        assert!(given.into_iter().eq(0..count));
        assert_eq!(doing.next().await, None);
    }
}
