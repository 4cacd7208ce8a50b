//! The page: one document with its script and style in it.

use std::collections::hash_map::RandomState;
use std::format;
use std::hash::{BuildHasher, Hasher};

use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use super::routes::answer;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

pub(super) async fn page() -> Response {
    // Scripts and styles that are not ours have no nonce, and do nothing. It is another word in each answer.
    let word = || RandomState::new().build_hasher().finish();
    let nonce = format!("{:016x}{:016x}", word(), word());
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let page = PAGE.replace("{{nonce}}", &nonce);
    let page = page.replace("{{style}}", STYLE).replace("{{script}}", SCRIPT);
    let mut response = answer(StatusCode::OK, "text/html; charset=utf-8", page);
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}
