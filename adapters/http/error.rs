//! Why a control plane or a server has not started.

use core::fmt;
use std::io;
use std::net::SocketAddr;
use std::string::String;

/// Why a control plane or a server has not started.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// This is not an address and a port, or no such name is known.
    Address(String, io::Error),
    /// Others than this machine can reach this address, and there is no token.
    Exposed(SocketAddr),
    /// The token is empty, or cannot stand in a header: it is to be of visible ASCII characters without spaces.
    Token,
    /// This does not do as the beginning of the names of metrics: letters, digits and underlines, of which the first is no digit.
    Namespace(String),
    /// Nobody can listen on this address: most often because somebody else does.
    Listen(String, io::Error),
    /// There is no thread, or no runtime, to be had.
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address, error) => {
                write!(f, "{address:?} is not an address with a port: {error}")
            }
            Self::Exposed(address) => write!(
                f,
                "{address} can be reached from other machines, which needs a token; or listen on 127.0.0.1"
            ),
            Self::Token => f.write_str(
                "the token must be of visible ASCII characters without spaces, and not empty",
            ),
            Self::Namespace(name) => write!(
                f,
                "the namespace {name:?} must be of letters, digits and underlines, and not begin with a digit"
            ),
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::Thread(error) => write!(f, "it has no thread: {error}"),
        }
    }
}

impl core::error::Error for StartError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Address(_, error) | Self::Listen(_, error) | Self::Thread(error) => Some(error),
            Self::Exposed(_) | Self::Token | Self::Namespace(_) => None,
        }
    }
}
