//! Few and many workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use droves::pool::Pool;

use crate::help::Gate;
use crate::world::World;

async fn from_one_to_a_thousand_workers<W: World>(w: &W) {
    for (size, mailbox) in [(1, 0), (1, 1), (2, 2), (3, 17), (10, 100), (100, 0), (1_000, 1)] {
        all_at_once(w, size, mailbox).await;
    }
}

/// Every worker at work, and every place taken.
async fn all_at_once<W: World>(w: &W, size: usize, mailbox: usize) {
    let pool = Pool::builder().fixed(size).mailbox(mailbox).start(w.rt()).unwrap();
    let capacity = pool.capacity();
    assert_eq!(capacity, (mailbox.max(1) * size).min(65_536));
    let (running, gate) = (Arc::new(AtomicUsize::new(0)), Gate::new());
    for _ in 0..size {
        let (running, gate) = (running.clone(), gate.clone());
        pool.send(async move {
            running.fetch_add(1, Ordering::SeqCst);
            gate.pass().await;
        })
        .await
        .unwrap();
    }
    w.until(|| running.load(Ordering::SeqCst) == size).await;
    assert_eq!((pool.stats().live, pool.workers().count()), (size, size));
    assert_eq!(pool.assign_many((0..capacity).map(|_| || ())).unwrap(), capacity);
    assert!(pool.assign(|| ()).unwrap_err().is_full());
    gate.open();
    pool.shutdown().unwrap();
    assert_eq!(pool.join().await.unwrap().count(), 0);
    assert_eq!(pool.stats().succeeded, (size + capacity) as u64);
}

#[cfg(feature = "tokio")]
#[test]
fn tr_17_a_hundred_thousand_workers() {
    use crate::world::on_tokio::TokioOne;
    use crate::world::watched;
    watched("tr_17_a_hundred_thousand_workers", || {
        // As many as there may be, where that is less.
        let size = if cfg!(droves_word32) { 1_000 } else { 100_000 };
        TokioOne::run(async move |w: &TokioOne| all_at_once(w, size, 0).await);
    });
}

/// As `on_all`, but without the simulator.
macro_rules! on_real {
    ($($feature:literal $world:ident: $type:ty;)*) => {
        $(
            #[cfg(feature = $feature)]
            mod $world {
                use crate::world::{World, watched};

                #[test]
                fn tr_17_from_one_to_a_thousand_workers_with_all_mailboxes() {
                    watched(concat!("tr_17 on ", stringify!($world)), || {
                        <$type>::run(super::from_one_to_a_thousand_workers::<$type>);
                    });
                }
            }
        )*
    };
}

on_real! {
    "threads" threads: crate::world::on_threads::OnThreads;
    "tokio" tokio_one: crate::world::on_tokio::TokioOne;
    "tokio" tokio_many: crate::world::on_tokio::TokioMany;
    "tokio" tokio_local: crate::world::on_tokio::OnLocalSet;
    "smol" smol: crate::world::on_smol::OnSmol;
    "async-executor" executor: crate::world::on_async_executor::OnExecutor;
    "async-executor" local_executor: crate::world::on_async_executor::OnLocalExecutor;
}
