//! The contender all this is about.

use droves::pool::Pool;
use droves::threads::Threads;

use crate::pools::{Opens, Patience, Submits, SubmitsMany, WORKERS};

/// The pool on threads, with `send_blocking`.
pub(crate) struct Droves(Pool);

impl Opens for Droves {
    const NAME: &'static str = "droves";

    type Handle = Pool;

    fn open(capacity: usize) -> Self {
        let builder = Pool::builder().fixed(WORKERS).capacity(capacity);
        Self(builder.start(&Threads::new()).expect("a legal configuration"))
    }

    fn handle(&self) -> Pool {
        self.0.clone()
    }

    fn close(self) {
        self.0.shutdown().expect("nobody else ends it");
        let left_over = self.0.join_blocking().expect("not in a job").count();
        assert_eq!(left_over, 0, "all jobs were done");
    }
}

impl Submits for Pool {
    #[inline]
    fn submit(&mut self, job: impl FnOnce() + Send + 'static) {
        self.send_blocking(job).expect("the pool takes jobs");
    }
}

impl SubmitsMany for Pool {
    #[inline]
    fn submit_many<F: FnOnce() + Send + 'static>(&mut self, jobs: impl Iterator<Item = F>) {
        let mut jobs = jobs;
        if let Err(refused) = self.assign_many(&mut jobs) {
            self.submit(refused.error.into_inner());
            jobs.for_each(|job| self.submit(job));
        }
    }
}

/// The same, with `assign`, and the bench's own patience.
pub(crate) struct DrovesAssign(Droves);

/// A handle that tries again and again.
pub(crate) struct Assigning(Pool);

impl Opens for DrovesAssign {
    const NAME: &'static str = "droves assign";

    type Handle = Assigning;

    fn open(capacity: usize) -> Self {
        Self(Droves::open(capacity))
    }

    fn handle(&self) -> Assigning {
        Assigning(self.0.handle())
    }

    fn close(self) {
        self.0.close();
    }
}

impl Submits for Assigning {
    #[inline]
    fn submit(&mut self, job: impl FnOnce() + Send + 'static) {
        let mut patience = Patience::default();
        let mut next = job;
        while let Err(refused) = self.0.assign(next) {
            assert!(refused.is_full(), "the pool takes jobs");
            next = refused.into_inner();
            patience.wait();
        }
    }
}
