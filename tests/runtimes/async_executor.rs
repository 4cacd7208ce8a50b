use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use ::async_executor as upstream;
use droves::async_executor::{Executor, LocalExecutor};
use droves::runtime::{Spawn, SpawnError};
use futures_lite::future::block_on;

use crate::contract;

#[test]
fn an_executor_keeps_the_contract() {
    let executor = Arc::new(upstream::Executor::new());
    let adapter = Executor::new(&executor);
    block_on(executor.run(async {
        contract::time(&adapter).await;
        contract::spawning(&adapter).await;
    }));
}

#[test]
fn a_static_executor_keeps_the_contract() {
    static EXECUTOR: upstream::Executor<'static> = upstream::Executor::new();
    const ADAPTER: Executor = Executor::from_static(&EXECUTOR);
    block_on(EXECUTOR.run(contract::spawning(&ADAPTER)));
    thread::spawn(|| block_on(EXECUTOR.run(contract::spawning(&ADAPTER)))).join().unwrap();
}

#[test]
fn a_local_executor_keeps_the_contract() {
    let executor = Rc::new(upstream::LocalExecutor::new());
    let adapter = LocalExecutor::new(&executor);
    block_on(executor.run(async {
        contract::time(&adapter).await;
        contract::local_spawning(&adapter).await;
    }));
}

#[test]
fn an_executor_that_is_gone_takes_its_tasks_along() {
    let executor = Arc::new(upstream::Executor::new());
    let adapter = Executor::new(&executor);
    let kept = Arc::new(());
    let inside = (kept.clone(), adapter.clone());
    let forever = async move {
        std::future::pending::<()>().await;
        drop(inside);
    };
    adapter.spawn(forever).unwrap();
    drop(executor);
    assert_eq!(Arc::strong_count(&kept), 1);
    assert_eq!(adapter.spawn(async {}), Err(SpawnError::NoRuntime));
}

#[test]
fn a_local_executor_that_is_gone_takes_its_tasks_along() {
    let executor = Rc::new(upstream::LocalExecutor::new());
    let adapter = LocalExecutor::new(&executor);
    let kept = Rc::new(());
    let inside = (kept.clone(), adapter.clone());
    let forever = async move {
        std::future::pending::<()>().await;
        drop(inside);
    };
    adapter.spawn(forever).unwrap();
    drop(executor);
    assert_eq!(Rc::strong_count(&kept), 1);
    contract::refuses(&adapter, SpawnError::NoRuntime);
}
