//! How a control plane is made.

use core::fmt;
use std::boxed::Box;
use std::net::{TcpListener, ToSocketAddrs};
use std::string::{String, ToString};
use std::sync::Arc;
use std::time::Instant;
use std::vec::Vec;

use super::guard::Guard;
use super::routes::Plane;
use super::thread::Thread;
use super::{ControlPlane, Failures, Metrics, StartError, routes, serve};
use crate::control::Control;
use crate::group::Handle;

/// Makes a [`ControlPlane`].
pub struct Builder {
    control: Arc<dyn Control + Send + Sync>,
    address: String,
    namespace: String,
    token: Option<String>,
    hosts: Vec<String>,
    max_size: usize,
    failures: Failures,
    group: Option<Handle>,
}

impl Builder {
    pub(super) fn new(control: impl Control + Send + Sync + 'static) -> Self {
        Self {
            max_size: control.max_size(),
            control: Arc::new(control),
            address: "127.0.0.1:2112".into(),
            namespace: "droves".into(),
            token: None,
            hosts: Vec::new(),
            failures: Failures::new(),
            group: None,
        }
    }

    /// Where it listens: an address, or a name of one, and a port. The default is `127.0.0.1:2112`. With the port 0 it takes
    /// any that is free.
    ///
    /// # Cost
    /// An allocation.
    #[must_use]
    pub fn address(self, address: impl fmt::Display) -> Self {
        Self { address: address.to_string(), ..self }
    }

    /// What the names of its metrics begin with. The default is `droves`.
    ///
    /// # Cost
    /// An allocation.
    #[must_use]
    pub fn namespace(self, namespace: &str) -> Self {
        Self { namespace: namespace.into(), ..self }
    }

    /// What requests have to show, as `Authorization: Bearer TOKEN`.
    ///
    /// # Cost
    /// An allocation.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        Self { token: Some(token.into()), ..self }
    }

    /// A name by which the plane may be called, beside its address and `localhost`. A name with a port is taken as it is;
    /// one without is allowed with the plane's own port, and without one, as a proxy may pass it on. May be called again
    /// for another name.
    ///
    /// # Cost
    /// An allocation.
    #[must_use]
    pub fn allow_host(mut self, name: &str) -> Self {
        self.hosts.push(name.to_ascii_lowercase());
        self
    }

    /// The greatest size that it can be told to take; at most, and by default, that of the door.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn max_size(self, size: usize) -> Self {
        Self { max_size: self.control.max_size().min(size), ..self }
    }

    /// The failures that it shows: those that are noted there.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn failures(self, failures: &Failures) -> Self {
        Self { failures: failures.clone(), ..self }
    }

    /// The group that it shows, with the groups in it: e.g. that [of which](crate::group::RunCx::group) it is a member.
    ///
    /// # Cost
    /// An atomic operation.
    #[must_use]
    pub fn group(self, group: &Handle) -> Self {
        Self { group: Some(group.clone()), ..self }
    }

    /// Starts it.
    ///
    /// # Errors
    /// [`StartError`] if it cannot listen there, may not, or has no thread; or if something else about it is wrong.
    ///
    /// # Cost
    /// A thread and a runtime. Blocks while a name is looked up.
    pub fn start(self) -> Result<ControlPlane, StartError> {
        if self.token.as_deref().is_some_and(|token| !Guard::is_token(token)) {
            return Err(StartError::Token);
        }
        if !is_name(&self.namespace) {
            return Err(StartError::Namespace(self.namespace));
        }
        let listener = listen(&self.address, self.token.is_some())?;
        let address = listener.local_addr().map_err(StartError::Thread)?;
        let mut registry = prometheus_client::registry::Registry::with_prefix(self.namespace);
        registry.register_collector(Box::new(Metrics::new(self.control.clone())));
        let plane = Plane {
            control: self.control,
            max_size: self.max_size,
            registry,
            began: Instant::now(),
            group: self.group,
        };
        let guard = Guard::new(self.token, self.hosts);
        let app = serve::App {
            router: routes::router(plane),
            guard: Arc::new(guard),
            failures: self.failures,
        };
        let thread = Thread::start("droves-http", listener, move |listener, stop| {
            serve::serve(listener, app, stop.finish)
        });
        Ok(ControlPlane { address, thread: thread.map_err(StartError::Thread)? })
    }
}

/// A socket at the address, if all that it may mean is loopback or there is a token.
pub(super) fn listen(address: &str, has_token: bool) -> Result<TcpListener, StartError> {
    let found =
        address.to_socket_addrs().map_err(|error| StartError::Address(address.into(), error))?;
    let found: Vec<_> = found.collect();
    if let Some(&open) = found.iter().find(|found| !has_token && !found.ip().is_loopback()) {
        return Err(StartError::Exposed(open));
    }
    let listener = TcpListener::bind(found.as_slice());
    let listener = listener.map_err(|error| StartError::Listen(address.into(), error))?;
    listener.set_nonblocking(true).map_err(|error| StartError::Listen(address.into(), error))?;
    Ok(listener)
}

fn is_name(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.starts_with(letter) && text.chars().all(|c| letter(c) || c.is_ascii_digit())
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the token.
        f.debug_struct("Builder")
            .field("address", &self.address)
            .field("namespace", &self.namespace)
            .field("hosts", &self.hosts)
            .field("max_size", &self.max_size)
            .finish_non_exhaustive()
    }
}
