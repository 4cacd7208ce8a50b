//! Many members.

use droves::group::{Group, Member};

use super::help::{Groups, TERM};

const MANY: u32 = 10_000;

async fn if_25_ten_thousand_members_start_get_ready_and_stop<W: Groups>(w: &W) {
    let members = || {
        (0..MANY).map(|number| {
            Member::new(number.to_string(), |mut run| async move {
                run.ready();
                run.signal().await;
            })
        })
    };
    let groups = [Group::parallel(members()), Group::ordered(members())];
    for group in groups.into_iter().chain([Group::queue_ordered(members())]) {
        let handle = group.start(w.rt()).unwrap();
        handle.ready().await.unwrap();
        handle.signal(TERM).unwrap();
        let trace = handle.wait().await.unwrap();
        assert_eq!(trace.exits().len(), MANY as usize);
    }
}

macro_rules! on_async {
    ($test:ident) => {
        #[cfg(feature = "tokio")]
        on_one!(tokio_one, crate::world::on_tokio::TokioOne, $test);
        #[cfg(feature = "tokio")]
        on_one!(tokio_many, crate::world::on_tokio::TokioMany, $test);
        #[cfg(feature = "tokio")]
        on_one!(tokio_local, crate::world::on_tokio::OnLocalSet, $test);
        #[cfg(feature = "smol")]
        on_one!(smol, crate::world::on_smol::OnSmol, $test);
        #[cfg(feature = "async-executor")]
        on_one!(executor, crate::world::on_async_executor::OnExecutor, $test);
        #[cfg(feature = "async-executor")]
        on_one!(local_executor, crate::world::on_async_executor::OnLocalExecutor, $test);
    };
}

on_async!(if_25_ten_thousand_members_start_get_ready_and_stop);
