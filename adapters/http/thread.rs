//! A thread with a runtime of its own, on which something listens until it is told to stop.

use core::future::Future;
use std::io;
use std::net::TcpListener;
use std::string::String;
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::{self, JoinHandle};

use ::tokio::runtime::Runtime;

use crate::cancel::CancelToken;
use crate::group::RunError;

/// How it is told to stop.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop {
    /// Nothing new is accepted, and what is there may come to its end.
    pub finish: CancelToken,
    /// Nobody waits for that any more.
    pub cut: CancelToken,
}

impl Stop {
    pub(super) fn at_once(&self) {
        // In this order: whoever sees the second has seen the first.
        self.finish.cancel();
        self.cut.cancel();
    }
}

/// The thread. Who drops it should have told it to stop, and waits for its end unless it was [aborted](Self::abort).
pub(super) struct Thread {
    pub(super) stop: Stop,
    end: Arc<End>,
    aborted: OnceLock<()>,
    handle: Option<JoinHandle<()>>,
}

/// What it leaves.
#[derive(Default)]
struct End {
    over: CancelToken,
    /// How much was cut off. Nothing is said if it has panicked.
    cut_off: OnceLock<usize>,
}

/// The last thing on the thread, also of a panic.
struct Tells(Arc<End>);

impl Drop for Tells {
    fn drop(&mut self) {
        self.0.over.cancel();
    }
}

impl Thread {
    /// Runs what `serve` makes, which tells at its end how much it has cut off.
    pub(super) fn start<S, Fut>(name: &str, listener: TcpListener, serve: S) -> io::Result<Self>
    where
        S: FnOnce(::tokio::net::TcpListener, Stop) -> Fut + Send + 'static,
        Fut: Future<Output = usize>,
    {
        let (stop, end) = (Stop::default(), Arc::new(End::default()));
        let (told, tells) = mpsc::channel();
        let run = {
            let (stop, end) = (stop.clone(), end.clone());
            // The runtime lives and dies on the thread, wherever this is called.
            move || {
                let tells = Tells(end);
                match runtime(listener) {
                    Ok((runtime, listener)) => {
                        let _ = told.send(Ok(()));
                        let cut_off = runtime.block_on(serve(listener, stop));
                        let _ = tells.0.cut_off.set(cut_off);
                        // Dropping it would wait for all closures that it runs on other threads.
                        runtime.shutdown_background();
                    }
                    Err(error) => {
                        let _ = told.send(Err(error));
                    }
                }
            }
        };
        let handle = thread::Builder::new().name(String::from(name)).spawn(run)?;
        // It says nothing if it has panicked, and then joining it is all that is left.
        tells.recv().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))?;
        Ok(Self { stop, end, aborted: OnceLock::new(), handle: Some(handle) })
    }

    /// Tells it to stop at once, and lets nobody wait for that: a handler may block it.
    pub(super) fn abort(&self) {
        let _ = self.aborted.set(());
        self.stop.at_once();
    }

    /// Waits for its end.
    pub(super) async fn ended(&self) -> Result<(), RunError> {
        self.end.over.cancelled().await;
        match self.end.cut_off.get() {
            Some(0) => Ok(()),
            Some(&cut_off) => Err(RunError::LeftOver(cut_off)),
            None => Err(RunError::RuntimeGone),
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        let Some(handle) = self.handle.take() else { return };
        let is_here = handle.thread().id() == thread::current().id();
        if !is_here && self.aborted.get().is_none() {
            // Its panic has been reported by the panic hook.
            let _ = handle.join();
        }
    }
}

/// What the thread runs on.
fn runtime(listener: TcpListener) -> io::Result<(Runtime, ::tokio::net::TcpListener)> {
    let runtime =
        ::tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let listener = {
        let _here = runtime.enter();
        ::tokio::net::TcpListener::from_std(listener)?
    };
    Ok((runtime, listener))
}
