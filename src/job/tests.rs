//! What a job is made of, run and not run.

#![allow(clippy::no_effect_underscore_binding, reason = "it is owned, and so dropped")]

extern crate std;

use std::boxed::Box;
use std::rc::Rc;
use std::string::ToString;
use std::sync::Arc;
use std::vec::Vec;

use super::{Error, INLINE, Job, JobError};

fn run<E, C>(job: Job<E, C>, state: &mut C) -> Result<(), JobError<E>> {
    job.run_now(state)
}

#[test]
fn promise_05_a_job_is_its_place_and_one_word() {
    assert_eq!(size_of::<Job>(), INLINE + size_of::<usize>().next_multiple_of(8));
}

#[test]
fn what_it_fails_with_can_be_passed_on_also_if_it_is_in_a_box() {
    fn fails() -> Result<(), Error> {
        Job::<Error>::new(|| Err(Error::from("no paper"))).run_now(&mut ())?;
        Ok(())
    }
    assert_eq!(fails().unwrap_err().to_string(), "the job failed: no paper");
}

#[test]
fn closures_futures_and_closures_with_state_run() {
    let (sender, results) = std::sync::mpsc::channel();
    let (one, two, three) = (sender.clone(), sender.clone(), sender);
    let mut state = 1;
    run(Job::<Error, i32>::new(move || one.send(0).unwrap()), &mut state).unwrap();
    let with_state = Job::<Error, i32>::new(move |state: &mut i32| {
        two.send(*state).unwrap();
        *state += 1;
    });
    run(with_state, &mut state).unwrap();
    run(Job::<Error, i32>::new(async move { three.send(2).unwrap() }), &mut state).unwrap();
    assert_eq!(results.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(state, 2);
}

#[test]
fn whatever_its_size_it_runs_once_and_is_dropped_once() {
    fn check<const N: usize>() {
        for runs in [true, false] {
            let witness = Arc::new(());
            let (kept, ballast) = (witness.clone(), [7_u8; N]);
            let closure = move || {
                assert!(ballast.iter().all(|&byte| byte == 7));
                drop(kept);
            };
            let job = Job::<Error>::new(closure);
            assert_eq!(Arc::strong_count(&witness), 2);
            if runs {
                job.run_now(&mut ()).unwrap();
            } else {
                drop(job);
            }
            assert_eq!(Arc::strong_count(&witness), 1, "{N} bytes");
        }
    }
    check::<0>();
    check::<1>();
    check::<55>();
    check::<56>();
    check::<57>();
    check::<1000>();
}

#[test]
fn what_is_aligned_to_more_than_a_word_is_boxed() {
    #[repr(align(64))]
    struct Aligned(u8);
    let aligned = Aligned(5);
    let closure = move || {
        let aligned = &aligned;
        assert_eq!((&raw const *aligned).addr() % 64, 0);
        assert_eq!(aligned.0, 5);
    };
    run(Job::<Error>::new(closure), &mut ()).unwrap();
}

#[test]
fn promise_10_errors_and_panics_are_outcomes() {
    let failing = Job::<Error>::new(|| -> Result<(), Error> { Err("no")? });
    let Err(JobError::Failed(error)) = run(failing, &mut ()) else { panic!("it failed") };
    assert_eq!(error.to_string(), "no");
    for job in [Job::<Error>::new(|| panic!("oh")), Job::new(async { panic!("oh") })] {
        let witness = run(job, &mut ());
        let Err(JobError::Panicked(panic)) = witness else { panic!("it panicked") };
        assert_eq!(panic.message(), Some("oh"));
        assert_eq!(JobError::<Error>::Panicked(panic).to_string(), "the job panicked: oh");
    }
}

/// A panic drops what the job owned, and only once.
#[test]
fn promise_10_a_panic_leaks_nothing() {
    let witness = Arc::new(());
    let (one, two, three) = (witness.clone(), witness.clone(), witness.clone());
    let ballast = [0_u8; 100];
    let jobs = [
        Job::<Error>::new(move || {
            drop(one.clone());
            panic!("one");
        }),
        Job::new(async move {
            let _owned = two;
            panic!("two");
        }),
        Job::new(async move {
            let _owned = (three, ballast);
            panic!("three");
        }),
    ];
    for job in jobs {
        assert!(matches!(run(job, &mut ()), Err(JobError::Panicked(_))));
    }
    assert_eq!(Arc::strong_count(&witness), 1);
}

#[test]
fn a_future_that_has_to_wait_is_dropped_by_run_now_and_waited_for_by_run() {
    let witness = Arc::new(());
    let kept = witness.clone();
    let mut polls = 0;
    let waits = core::future::poll_fn(move |cx| {
        let _kept = &kept;
        polls += 1;
        cx.waker().wake_by_ref();
        if polls < 3 { core::task::Poll::Pending } else { core::task::Poll::Ready(()) }
    });
    let result = run(Job::<Error>::new(waits), &mut ());
    assert!(matches!(result, Err(JobError::Aborted)));
    assert_eq!(Arc::strong_count(&witness), 1);

    let mut polls = 0;
    let waits = core::future::poll_fn(move |cx| {
        polls += 1;
        cx.waker().wake_by_ref();
        if polls < 3 { core::task::Poll::Pending } else { core::task::Poll::Ready(()) }
    });
    futures_lite::future::block_on(Job::<Error>::new(waits).run(&mut ())).unwrap();
}

#[test]
fn work_comes_back_as_it_was() {
    fn there_and_back<W: super::Work<Error, ()>>(work: W) -> W {
        let job = Job::<Error>::of(work);
        // SAFETY: it was made of a `W` in the line before.
        unsafe { job.into_work() }
    }
    let witness = Arc::new(3);
    let kept = witness.clone();
    let super::Plain(closure) = there_and_back(super::Plain(move || assert_eq!(*kept, 3)));
    closure();
    drop(closure);
    let large = ([1_u64; 20], witness.clone());
    let super::Plain(closure) = there_and_back(super::Plain(move || {
        assert_eq!(large.0.iter().sum::<u64>() + *large.1, 23);
    }));
    closure();
    drop(closure);
    assert_eq!(Arc::strong_count(&witness), 1);
}

#[test]
fn only_what_is_sent_has_to_be_sendable() {
    fn is_send<T: Send>() {}
    is_send::<Job>();
    // The state stays where it is.
    is_send::<Job<Error, Rc<()>>>();
    let mut state = Rc::new(0);
    let job = Job::<Error, Rc<i32>>::new(|state: &mut Rc<i32>| *Rc::get_mut(state).unwrap() += 1);
    job.run_now(&mut state).unwrap();
    assert_eq!(*state, 1);
    let boxed: Box<dyn FnOnce() + Send> = Box::new(|| {});
    run(Job::<Error>::new(boxed), &mut ()).unwrap();
}
