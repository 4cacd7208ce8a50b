//! Who may ask, and how much.

use core::hint::black_box;
use core::pin::Pin;
use std::format;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::string::String;
use std::vec::Vec;

use axum::body::{Body, BodyDataStream};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, HOST, HeaderName, HeaderValue, ORIGIN, REFERRER_POLICY,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::Response;
use futures_core::Stream;

use super::routes::message;

/// How long a body may be.
const BODY: usize = 4 * 1024;

/// What needs no token: nothing can be learned from it.
const OPEN: [&str; 2] = ["/", "/healthz"];

/// Stands before every route.
pub(super) struct Guard {
    token: Option<String>,
    /// In lower case.
    hosts: Vec<String>,
}

impl Guard {
    pub(super) fn new(token: Option<String>, hosts: Vec<String>) -> Self {
        Self { token, hosts }
    }

    /// Whether it can stand in a header as it is.
    pub(super) fn is_token(text: &str) -> bool {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
    }

    /// Gives the request back with its whole body, or else the answer. `address` is that which its connection came to.
    pub(super) async fn check(
        &self,
        request: Request<Body>,
        address: SocketAddr,
    ) -> Result<Request<Body>, Response> {
        let (head, body) = request.into_parts();
        let refusal = self.refusal(&head, address);
        // Read in any case: whoever still sends does not see the answer.
        let body = whole(body).await;
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        match body {
            Ok(Some(bytes)) => Ok(Request::from_parts(head, Body::from(bytes))),
            Ok(None) => {
                let text = format!("the body has more than {BODY} bytes");
                Err(message(StatusCode::PAYLOAD_TOO_LARGE, None, &text))
            }
            Err(_) => Err(message(StatusCode::BAD_REQUEST, None, "the body breaks off")),
        }
    }

    fn refusal(&self, head: &Parts, address: SocketAddr) -> Option<Response> {
        let asked = head.uri.authority().map(Authority::as_str);
        if !self.is_host(&head.headers, asked, address) {
            return Some(message(StatusCode::FORBIDDEN, None, "this Host is not served here"));
        }
        if !self.is_origin(&head.headers, address) || !is_own(head) {
            return Some(message(StatusCode::FORBIDDEN, None, "other origins may not ask"));
        }
        if OPEN.contains(&head.uri.path()) || self.is_authorized(&head.headers) {
            return None;
        }
        let mut refusal = message(StatusCode::UNAUTHORIZED, None, "this needs the token");
        refusal.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        Some(refusal)
    }

    /// What every answer says: whatever it is, no page of others may use it.
    pub(super) fn seal(response: &mut Response) {
        let headers = response.headers_mut();
        let mut set = |name: HeaderName, value| {
            headers.insert(name, HeaderValue::from_static(value));
        };
        set(CACHE_CONTROL, "no-store");
        set(X_CONTENT_TYPE_OPTIONS, "nosniff");
        set(X_FRAME_OPTIONS, "DENY");
        set(REFERRER_POLICY, "no-referrer");
        set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    }

    fn is_host(&self, headers: &HeaderMap, asked: Option<&str>, address: SocketAddr) -> bool {
        // Whoever asks by a whole URI may not name one host there and another in the header.
        let Some(host) = only(headers, &HOST) else { return false };
        let known = |host: &str| self.knows(host, address);
        host.is_some_and(known) && asked.is_none_or(known)
    }

    fn is_origin(&self, headers: &HeaderMap, address: SocketAddr) -> bool {
        let Some(origin) = only(headers, &ORIGIN) else { return false };
        let Some(origin) = origin else { return true };
        let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        host.is_some_and(|host| self.knows(host, address))
    }

    /// Whether a host, with its port, is this plane.
    fn knows(&self, host: &str, address: SocketAddr) -> bool {
        let host = host.to_ascii_lowercase();
        let port = address.port();
        // An address of IPv4 that came through a socket for both.
        let ip = address.ip().to_canonical();
        let is_ours = |name: &str| is_address(name, ip) || name == "localhost" && ip.is_loopback();
        let with_port = host.strip_suffix(&format!(":{port}"));
        if with_port.is_some_and(is_ours) || port == 80 && is_ours(&host) {
            return true;
        }
        self.hosts.iter().any(|name| *name == host || with_port == Some(name))
    }

    fn is_authorized(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let Some(Some(shown)) = only(headers, &AUTHORIZATION) else { return false };
        let Some((scheme, shown)) = shown.split_once(' ') else { return false };
        scheme.eq_ignore_ascii_case("bearer") && same(shown.trim_matches(' '), token)
    }
}

/// Whether this is the address, as it stands before a port. That of IPv6 has many forms.
fn is_address(name: &str, ip: IpAddr) -> bool {
    match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(name) => name.parse().is_ok_and(|name: Ipv6Addr| name.to_canonical() == ip),
        None => name.parse().is_ok_and(|name: Ipv4Addr| name == ip),
    }
}

/// Whether a browser asks for a page of this plane, or follows a link to it. Not all requests have an `Origin`: that for a
/// picture has none.
fn is_own(head: &Parts) -> bool {
    let is = |name, value| only(&head.headers, &HeaderName::from_static(name)) == Some(value);
    is("sec-fetch-site", None)
        || is("sec-fetch-site", Some("same-origin"))
        || is("sec-fetch-site", Some("none"))
        || head.method == Method::GET && is("sec-fetch-mode", Some("navigate"))
}

/// The header's value, if there is one; none at all if there are several, or it is no text.
#[allow(clippy::option_option, reason = "an answer, and whether there is one")]
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<Option<&'h str>> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() {
        return None;
    }
    match value {
        None => Some(None),
        Some(value) => value.to_str().ok().map(Some),
    }
}

/// Whether two texts are the same, in a time that depends on the length of the first only. `token` is not empty.
fn same(shown: &str, token: &str) -> bool {
    let (shown, token) = (shown.as_bytes(), token.as_bytes());
    let mut differences = usize::from(shown.len() != token.len());
    for (at, byte) in shown.iter().enumerate() {
        differences |= usize::from(byte ^ token[at % token.len()]);
        // Nothing may be concluded before the last one.
        differences = black_box(differences);
    }
    differences == 0
}

/// The body, if it is not too long. What is too long is read to its end, and forgotten.
async fn whole(body: Body) -> Result<Option<Vec<u8>>, axum::Error> {
    let mut stream = body.into_data_stream();
    let (mut bytes, mut fits) = (Vec::new(), true);
    while let Some(part) = next(&mut stream).await {
        let part = part?;
        fits &= bytes.len() + part.len() <= BODY;
        if fits {
            bytes.extend_from_slice(&part);
        }
    }
    Ok(fits.then_some(bytes))
}

async fn next(stream: &mut BodyDataStream) -> Option<<BodyDataStream as Stream>::Item> {
    core::future::poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_the_address_that_was_asked() {
        let guard = Guard::new(None, Vec::new());
        let knows = |host: &str, address: &str| guard.knows(host, address.parse().unwrap());
        assert!(knows("localhost:2112", "127.0.0.1:2112"));
        assert!(knows("localhost:2112", "[::1]:2112"));
        // Who is asked from elsewhere is not the asker's own machine.
        assert!(!knows("localhost:2112", "192.0.2.1:2112"));
        assert!(knows("192.0.2.1:2112", "192.0.2.1:2112"));
        assert!(!knows("127.0.0.1:2112", "192.0.2.1:2112"));
        // A socket for both kinds of addresses.
        assert!(knows("192.0.2.1:2112", "[::ffff:192.0.2.1]:2112"));
        assert!(knows("[2001:db8::1]:2112", "[2001:db8::1]:2112"));
        // An address has more forms than one; those that somebody may take for another do not count.
        assert!(knows("[2001:DB8:0::1]:2112", "[2001:db8::1]:2112"));
        assert!(knows("[0:0:0:0:0:0:0:1]:2112", "[::1]:2112"));
        assert!(knows("[::ffff:192.0.2.1]:2112", "192.0.2.1:2112"));
        for host in ["[::2]", "::1", "[::1", "[[::1]]", "[127.0.0.1]", "127.0.0.1", "[::1%lo]"] {
            assert!(!knows(&format!("{host}:2112"), "[::1]:2112"), "{host}");
        }
        for host in ["127.1", "127.0.0.1.", "0x7f.0.0.1", "127.0.0.01", "2130706433", "localhost."]
        {
            assert!(!knows(&format!("{host}:2112"), "127.0.0.1:2112"), "{host}");
        }
        for port in ["2112 ", "02112", "+2112", "2112:2112", ""] {
            assert!(!knows(&format!("localhost:{port}"), "127.0.0.1:2112"), "{port}");
        }
        // Only this port goes without saying.
        assert!(knows("127.0.0.1", "127.0.0.1:80") && knows("localhost", "127.0.0.1:80"));
        assert!(!knows("127.0.0.1", "127.0.0.1:81") && !knows("localhost", "127.0.0.1:8080"));
    }

    #[test]
    fn where_a_token_differs_cannot_be_told_by_the_time() {
        use std::time::{Duration, Instant};

        let token = "a".repeat(1 << 18);
        let at = |place: usize| {
            let mut shown = token.clone();
            shown.replace_range(place..=place, "b");
            shown
        };
        let takes = |shown: &str| -> Duration {
            let once = |_| {
                let since = Instant::now();
                assert!(!same(shown, &token));
                since.elapsed()
            };
            (0..20).map(once).min().unwrap()
        };
        let (first, last) = (takes(&at(0)), takes(&at(token.len() - 1)));
        // Whoever stops at the first difference is thousands of times as quick.
        assert!(first * 4 > last && last * 4 > first, "{first:?}, {last:?}");
        assert!(same(&token, &token));
    }

    #[test]
    fn only_the_whole_token_is_the_token() {
        assert!(same("secret", "secret"));
        for shown in ["", "s", "secre", "secrets", "secretsecret", "Secret", "secreu"] {
            assert!(!same(shown, "secret"), "{shown}");
        }
    }
}
