//! The control plane: a door's numbers and size by HTTP, and a page that shows them.
//!
//! ```
//! # #[cfg(feature = "threads")] {
//! use droves::herd::{Herd, Item};
//! use droves::http::{ControlPlane, Failures};
//! use droves::threads::Threads;
//!
//! let failures = Failures::new();
//! let (herd, results) = Herd::builder(async |item: Item<u32>| item.checked_sub(1).ok_or("too small".into()))
//!     .size(4)
//!     .measured(Threads::new()) // for the times that things wait and run
//!     .on_failure(failures.of_herd())
//!     .start(&Threads::new())?;
//! let plane = ControlPlane::builder(herd.clone())
//!     .address("127.0.0.1:0") // any port that is free; without this line it is 2112
//!     .failures(&failures)
//!     .start()?;
//! println!("see http://{}/", plane.local_addr());
//! # herd.send_blocking(1, 0)?;
//!
//! herd.close(); // the plane's handle would keep it open
//! # droves::threads::block_on(herd.join())?;
//! plane.stop();
//! # drop(results);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! ```text
//! $ curl localhost:2112/herd
//! {"num":4,"msg":"success"}
//! $ curl -X PATCH localhost:2112/herd -d '{"num": 10}'
//! {"num":10,"msg":"success"}
//! ```
//!
//! It has a thread of its own, with a runtime of its own, so it answers while the herd burns all there is of its executor,
//! and works the same for herds and pools on threads, tokio, smol and anything else.
//!
//! # Routes
//! | method and path | answer |
//! |---|---|
//! | `GET /` | a page with charts, the last failures, and controls |
//! | `GET /herd` | `{"num":N,"msg":"success"}` with the size N |
//! | `PATCH /herd` | takes `{"num": N}` of any content type, resizes, and answers as `GET`; `400` with the reason in `msg`, and nothing changed, if N is not a whole number from 0 to the maximum; `409` if it is stopping |
//! | `GET /metrics` | all [numbers](crate::control::Stats) and [times](crate::control::Times) in the text format of Prometheus (`OpenMetrics` 1.0): see [`Metrics`] |
//! | `GET /stats` | the same, the last [failures](Failures), and whether there is a group, as JSON; times are in seconds |
//! | `GET /group` | the [group](Builder::group) as a tree: its [snapshot](crate::group::Snapshot) as JSON, or as text if `Accept` asks for `text/plain`; `404` if there is none to show, `503` if it does not answer for 2 s |
//! | `GET /healthz` | `200` while the plane lives |
//! | `GET /readyz` | `200` while work is accepted, `503` otherwise |
//! | `POST /quiet`, `/resume` | refuses work, accepts it again; `409` if it is stopping |
//! | `POST /drain` | refuses work for good, and ends when all is done; with a body `{"within": SECONDS}` what is not done by then is left over |
//!
//! Another method is answered with `405` and `Allow`, another path with `404`.
//!
//! # Safety
//! - The plane listens on loopback. Any other address needs a [token](Builder::token), or it does not start.
//! - With a token all routes but `/healthz` and the page itself, which has nothing in it until it is given the token, need
//!   `Authorization: Bearer TOKEN`, or answer `401`. It crosses the network as it is: there is no TLS here.
//! - A request is refused with `403` if its `Host` is not the address that it came to, `localhost` or a name that is
//!   [allowed](Builder::allow_host), or if its `Origin` is another, or a browser
//!   says that it asks for another site's page and does not follow a link (`Sec-Fetch-Site`). So no web page of somebody else's can read or
//!   resize a herd, not by a name of its own that leads here either.
//! - A body has at most 4 KiB (`413`), a request's head 16 KiB and 64 headers (`431`). A connection carries one request, and is closed
//!   after 5 s. There are at most 64; while there are more the oldest is closed, if it is older than a quarter of a
//!   second.

mod builder;
mod error;
mod failures;
mod guard;
mod metrics;
mod page;
mod report;
mod routes;
mod serve;
mod server;
mod thread;

pub use builder::Builder;
pub use error::StartError;
pub use failures::Failures;
pub use metrics::Metrics;
pub use server::{Server, ServerBuilder};

use core::fmt;
use std::net::SocketAddr;

use crate::control::Control;
use crate::group::{RunError, Runner};
use thread::Thread;

/// A control plane that listens. It ends when it is dropped.
///
/// A group runs it as a [member](crate::group::Member::runner): it is ready when it listens. In an ordered group it shows
/// the start and the stop of those that come after it.
pub struct ControlPlane {
    address: SocketAddr,
    thread: Thread,
}

impl ControlPlane {
    /// Begins to make the control plane of a door: a handle to a [`Herd`](crate::herd::Herd) or a
    /// [`Pool`](crate::pool::Pool), or an `Arc` of one, or an `Arc<dyn Control + Send + Sync>`.
    ///
    /// A handle that is given away to it counts as any other: the door does not close before the plane has ended, unless it is
    /// told to.
    ///
    /// # Cost
    /// A few allocations.
    #[must_use]
    pub fn builder(control: impl Control + Send + Sync + 'static) -> Builder {
        Builder::new(control)
    }

    /// Where it listens, with the port that it was given if it had asked for any.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Ends it, and waits for that, as dropping it does. Requests that are being answered have a quarter of a second.
    ///
    /// # Cost
    /// The thread is joined.
    pub fn stop(self) {
        drop(self);
    }
}

/// It ends by itself when it is told to finish, and owes nobody anything.
impl Runner for ControlPlane {
    fn finish(&self) {
        self.thread.stop.at_once();
    }

    fn cancel(&self) {
        self.finish();
    }

    fn abort(&self) {
        self.thread.abort();
    }

    async fn ended(&self) -> Result<(), RunError> {
        self.thread.ended().await
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // Its thread is joined after this.
        self.thread.stop.at_once();
    }
}

impl fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlPlane").field("address", &self.address).finish_non_exhaustive()
    }
}
