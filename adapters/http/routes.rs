//! What each route does.

use core::time::Duration;
use std::format;
use std::string::{String, ToString};
use std::sync::Arc;
use std::time::Instant;

use ::tokio::time::timeout;
use axum::Extension;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use serde_json::{Number, Value, json};

use super::page::page;
use super::report;
use super::serve::Here;
use crate::control::{AlreadyStopping, Control, Phase, ResizeError};
use crate::group::Handle;

/// How long a group may take to answer.
const ANSWERS: Duration = Duration::from_secs(2);

/// What routes know.
pub(super) struct Plane {
    pub control: Arc<dyn Control + Send + Sync>,
    pub max_size: usize,
    pub registry: Registry,
    pub began: Instant,
    pub group: Option<Handle>,
}

type Of = State<Arc<Plane>>;

pub(super) fn router(plane: Plane) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/herd", get(herd).patch(resize))
        .route("/metrics", get(metrics))
        .route("/stats", get(stats))
        .route("/group", get(group))
        .route("/healthz", get(async || plain(StatusCode::OK, "ok")))
        .route("/readyz", get(ready))
        .route("/quiet", post(quiet))
        .route("/resume", post(resume))
        .route("/drain", post(drain))
        .method_not_allowed_fallback(async || {
            message(StatusCode::METHOD_NOT_ALLOWED, None, "this method is not for this path")
        })
        .fallback(async || message(StatusCode::NOT_FOUND, None, "there is nothing here"))
        .with_state(Arc::new(plane))
}

async fn herd(State(plane): Of) -> Response {
    message(StatusCode::OK, Some(plane.control.stats().size), "success")
}

async fn resize(State(plane): Of, body: Bytes) -> Response {
    let before = plane.control.stats().size;
    let refuse = |status, why: &str| message(status, Some(before), why);
    match wanted(&body, plane.max_size) {
        Err(why) => refuse(StatusCode::BAD_REQUEST, &why),
        Ok(size) if size == before => {
            message(StatusCode::OK, Some(size), &format!("Herd size already {size}"))
        }
        Ok(size) => match plane.control.resize(size) {
            Ok(()) => message(StatusCode::OK, Some(size), "success"),
            Err(ResizeError::Config(error)) => {
                refuse(StatusCode::BAD_REQUEST, &format!("Herd {error}"))
            }
            Err(error @ ResizeError::Stopping) => {
                refuse(StatusCode::CONFLICT, &format!("the size stays: {error}"))
            }
        },
    }
}

/// The size that a body asks for, or what is wrong with it.
fn wanted(body: &[u8], max: usize) -> Result<usize, String> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| format!("the body must be {{\"num\": N}}: {error}"))?;
    let Some(fields) = body.as_object() else {
        return Err("the body must be {\"num\": N}".into());
    };
    let Some(num) = fields.get("num") else { return Err("num is missing".into()) };
    let Value::Number(num) = num else { return Err(format!("num must be a number, not {num}")) };
    if is_negative(num) {
        return Err("Herd size cannot be negative".into());
    }
    let size = num.as_u64().map(|size| usize::try_from(size).unwrap_or(usize::MAX));
    match size {
        Some(size) if size <= max => Ok(size),
        None if num.as_f64().is_some_and(|num| num.fract() != 0.0 && num < 1e15) => {
            Err(format!("num must be a whole number, not {num}"))
        }
        // Of the numbers that are written with a point or an exponent, none is taken.
        None if num.as_f64().is_some_and(|num| num < 1e15) => {
            Err(format!("num must be written as a whole number, not {num}"))
        }
        _ => Err(format!("Herd size cannot be above {max}")),
    }
}

fn is_negative(num: &Number) -> bool {
    num.as_f64().is_some_and(|num| num < 0.0)
}

async fn metrics(State(plane): Of) -> Response {
    let mut text = String::new();
    match text::encode(&mut text, &plane.registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            answer(StatusCode::OK, kind, text)
        }
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

async fn stats(State(plane): Of, Extension(here): Extension<Here>) -> Response {
    let Plane { control, max_size, began, .. } = &*plane;
    let mut report = report::report(&**control, *max_size, *began, &here.failures);
    report["group"] = plane.group.is_some().into();
    answer(StatusCode::OK, "application/json", report.to_string())
}

async fn group(State(plane): Of, head: HeaderMap) -> Response {
    let Some(group) = &plane.group else {
        return message(StatusCode::NOT_FOUND, None, "there is no group to show");
    };
    // It is asked of the group's driver, whose runtime may be busy.
    let Ok(snapshot) = timeout(ANSWERS, group.snapshot()).await else {
        let why = "the group does not answer";
        return message(StatusCode::SERVICE_UNAVAILABLE, None, why);
    };
    let accepted = head.get(ACCEPT).and_then(|kinds| kinds.to_str().ok()).unwrap_or_default();
    if accepted.contains("text/plain") && !accepted.contains("application/json") {
        plain(StatusCode::OK, &snapshot.to_string())
    } else {
        answer(StatusCode::OK, "application/json", snapshot.to_json())
    }
}

async fn ready(State(plane): Of) -> Response {
    match plane.control.stats().phase {
        Phase::Running => plain(StatusCode::OK, "ready"),
        phase => plain(StatusCode::SERVICE_UNAVAILABLE, report::word(phase)),
    }
}

async fn quiet(State(plane): Of) -> Response {
    entered(&plane, plane.control.quiet())
}

async fn resume(State(plane): Of) -> Response {
    entered(&plane, plane.control.resume())
}

async fn drain(State(plane): Of, body: Bytes) -> Response {
    match within(&body) {
        Ok(within) => entered(&plane, plane.control.drain(within)),
        Err(why) => message(StatusCode::BAD_REQUEST, Some(plane.control.stats().size), why),
    }
}

/// The time that a body gives; none if there is no body.
fn within(body: &[u8]) -> Result<Option<Duration>, &'static str> {
    if body.is_empty() {
        return Ok(None);
    }
    let wrong = "the body must be empty, or {\"within\": SECONDS}";
    let body: Value = serde_json::from_slice(body).map_err(|_| wrong)?;
    let seconds = body.get("within").and_then(Value::as_f64).ok_or(wrong)?;
    Duration::try_from_secs_f64(seconds).map(Some).map_err(|_| wrong)
}

fn entered(plane: &Plane, result: Result<(), AlreadyStopping>) -> Response {
    let size = Some(plane.control.stats().size);
    match result {
        Ok(()) => message(StatusCode::OK, size, "success"),
        Err(error) => message(StatusCode::CONFLICT, size, &error.to_string()),
    }
}

/// `{"num":N,"msg":"…"}`, in this order, as old clients know it.
pub(super) fn message(status: StatusCode, num: Option<usize>, msg: &str) -> Response {
    let num = num.map(|num| format!("\"num\":{num},")).unwrap_or_default();
    answer(status, "application/json", format!("{{{num}\"msg\":{}}}", json!(msg)))
}

fn plain(status: StatusCode, text: &str) -> Response {
    answer(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

pub(super) fn answer(status: StatusCode, kind: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
