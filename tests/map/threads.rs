use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use droves::threads::{Threads, map, map_scoped};
use futures_lite::future::block_on;

use crate::contract::keeps_its_promises;
use crate::help::{Gauge, in_time, message, soon};

#[test]
fn it_keeps_its_promises() {
    in_time(|| block_on(keeps_its_promises(&Threads::new())));
}

#[test]
fn as_many_threads_as_may_run_at_a_time() {
    in_time(|| {
        let gauge = Gauge::default();
        let inside = gauge.clone();
        let doing = map(4, 0..40, move |item| {
            let _entered = inside.enter();
            assert!(soon(|| inside.most() == 4));
            item
        });
        assert_eq!(doing.size_hint(), (40, Some(40)));
        assert_eq!(doing.sum::<u64>(), 780);
        assert_eq!((gauge.most(), gauge.begun()), (4, 40));
        assert_eq!(gauge.holders(), 1);
    });
}

#[test]
fn the_order_is_as_asked_for() {
    in_time(|| {
        let last = Arc::new(AtomicUsize::new(0));
        let go = last.clone();
        let f = move |item| {
            assert!(item > 0 || soon(|| go.load(SeqCst) == 1));
            item
        };
        let mut doing = map(2, 0..5, f.clone());
        let given: Vec<usize> = doing.by_ref().take(4).collect();
        assert_eq!(given, [1, 2, 3, 4]);
        last.store(1, SeqCst);
        assert_eq!((doing.next(), doing.next(), doing.next()), (Some(0), None, None));
        assert!(map(3, 0.., f).ordered().take(100).eq(0..100));
    });
}

#[test]
fn a_slow_first_item_does_not_make_it_grow() {
    in_time(|| {
        let pulled = Arc::new(AtomicUsize::new(0));
        let (count, seen) = (pulled.clone(), pulled.clone());
        let items = (0_usize..).inspect(move |_| _ = count.fetch_add(1, SeqCst));
        let mut doing = map(2, items, move |item| {
            assert!(item > 0 || soon(|| seen.load(SeqCst) == 4));
            item
        })
        .ordered();
        assert_eq!(pulled.load(SeqCst), 0);
        for item in 0..100 {
            assert_eq!(doing.next(), Some(item));
            assert!(pulled.load(SeqCst) <= item + 4);
        }
    });
}

#[test]
fn a_panic_comes_in_its_place_and_ends_it() {
    in_time(|| {
        let gauge = Gauge::default();
        let inside = gauge.clone();
        let mut doing = map(3, 0.., move |item| {
            let _entered = inside.enter();
            if item == 7 {
                panic_any("seven");
            }
            item
        })
        .ordered();
        assert!(doing.by_ref().take(7).eq(0..7));
        let panic = catch_unwind(AssertUnwindSafe(|| doing.next())).unwrap_err();
        assert_eq!(message(&*panic), "seven");
        assert_eq!((gauge.now(), gauge.holders()), (0, 1));
        assert_eq!((doing.next(), doing.size_hint()), (None, (0, Some(0))));
    });
}

#[test]
fn a_drop_waits_for_the_calls_that_run() {
    in_time(|| {
        let (gauge, given) = (Gauge::default(), Arc::new(AtomicUsize::new(0)));
        let (inside, seen) = (gauge.clone(), given.clone());
        let mut doing = map(2, 0_usize.., move |item| {
            let _entered = inside.enter();
            assert!(soon(|| inside.begun() > 1));
            if item > 0 {
                // It runs when the map is dropped, and for some time after that.
                assert!(soon(|| seen.load(SeqCst) == 1));
                thread::sleep(Duration::from_millis(50));
            }
            item
        });
        assert_eq!(doing.next(), Some(0));
        given.store(1, SeqCst);
        drop(doing);
        assert_eq!((gauge.now(), gauge.holders()), (0, 1));
    });
}

#[test]
fn threads_of_a_scope_borrow() {
    let words = ["one".to_owned(), "three".to_owned(), "seven".to_owned()];
    let calls = AtomicUsize::new(0);
    let lengths: Vec<usize> = thread::scope(|scope| {
        let length = |word: &String| {
            calls.fetch_add(1, SeqCst);
            word.len()
        };
        map_scoped(scope, 2, &words, length).ordered().collect()
    });
    assert_eq!((lengths, calls.into_inner()), (vec![3, 5, 5], 3));
}

#[test]
fn a_map_inside_a_map() {
    in_time(|| {
        let inner = |n: usize| map(2, 0..n, |m| m).sum::<usize>();
        assert_eq!(
            map(2, 0..20, inner).sum::<usize>(),
            (0..20).map(|n| n * (n.max(1) - 1) / 2).sum::<usize>()
        );
    });
}

#[test]
fn a_panic_of_the_input_is_the_callers() {
    in_time(|| {
        let items = (0..10).inspect(|&item| assert_ne!(item, 6, "on purpose"));
        let mut doing = map(2, items, |item| item).ordered();
        let mut given = Vec::new();
        let mut panics = 0;
        loop {
            match catch_unwind(AssertUnwindSafe(|| doing.next())) {
                Ok(Some(item)) => given.push(item),
                Ok(None) => break,
                Err(_) => panics += 1,
            }
        }
        assert_eq!((given, panics), (vec![0, 1, 2, 3, 4, 5, 7, 8, 9], 1));
    });
}
