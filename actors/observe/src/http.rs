//! The routes.
use crate::assets::Asset;
use crate::frame::Frame;
use crate::observatory::Observatory;
use crate::row::{Origin, Row};
use crate::{api, page, prometheus, tick};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Pages that are kept up to date at once; one more is told to come back later.
pub const MAX_VIEWERS: usize = 64;

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const JSON: &str = "application/json";

type Obs = State<Arc<Observatory>>;

/// All routes of the page. It answers from the last sample and never waits for a stage or a store.
pub fn router(obs: Arc<Observatory>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/debug/pipeline", get(debug))
        .route("/assets/{name}", get(asset))
        .route("/api/v1/pipeline", get(topology))
        .route("/api/v1/pipeline/stats", get(stats))
        .route("/api/v1/pipeline/events", get(events))
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .layer(axum::middleware::map_response(guard))
        .with_state(obs)
}

/// What every answer carries: no script from elsewhere, no guessing of types, nothing kept unless it says so.
async fn guard(mut response: Response) -> Response {
    let h = response.headers_mut();
    h.insert(CONTENT_SECURITY_POLICY, POLICY);
    h.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    h.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    h.entry(CACHE_CONTROL).or_insert(NO_STORE);
    response
}

/// The agent asked for is no number, or not known.
struct NoSuchAgent;

impl IntoResponse for NoSuchAgent {
    fn into_response(self) -> Response {
        (StatusCode::NOT_FOUND, "no such agent\n").into_response()
    }
}

#[derive(Debug, Default, Deserialize)]
struct Choice {
    agent: Option<String>,
    since: Option<u64>,
    stage: Option<String>,
}

impl Choice {
    /// The frame to show; an agent that is no number or not known is not found.
    fn frame(&self, obs: &Observatory) -> Result<Arc<Frame>, NoSuchAgent> {
        let frame = obs.frame();
        let agent = match self.agent.as_deref() {
            None | Some("" | "all") => return Ok(frame),
            Some(text) => text.parse::<u16>().ok(),
        };
        let seen = agent.and_then(|id| obs.through(&frame, Some(id)));
        seen.ok_or(NoSuchAgent)
    }
}

fn once(cell: &OnceLock<Bytes>, render: impl FnOnce() -> String) -> Bytes {
    cell.get_or_init(|| render().into()).clone()
}

fn typed(mime: &'static str, body: Bytes) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(mime))], body).into_response()
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

async fn index(State(obs): Obs, Query(choice): Query<Choice>) -> Result<Response, NoSuchAgent> {
    let frame = choice.frame(&obs)?;
    Ok(typed(
        "text/html; charset=utf-8",
        once(&frame.rendered.page, || page::index(&obs, &frame)),
    ))
}

async fn debug(State(obs): Obs, Query(choice): Query<Choice>) -> Result<Response, NoSuchAgent> {
    let frame = choice.frame(&obs)?;
    Ok(typed(
        "text/html; charset=utf-8",
        once(&frame.rendered.debug, || page::debug(&obs, &frame)),
    ))
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = Asset::find(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let etag = asset.etag();
    let kept = [(ETAG, etag.clone()), (CACHE_CONTROL, "no-cache".to_owned())];
    if headers
        .get(IF_NONE_MATCH)
        .is_some_and(|v| v.as_bytes() == etag.as_bytes())
    {
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    (kept, [(CONTENT_TYPE, asset.mime)], asset.body).into_response()
}

async fn topology(State(obs): Obs, Query(choice): Query<Choice>) -> Result<Response, NoSuchAgent> {
    let frame = choice.frame(&obs)?;
    Ok(typed(
        JSON,
        once(&frame.rendered.topology, || {
            json(&api::topology(&obs, &frame))
        }),
    ))
}

async fn stats(State(obs): Obs, Query(choice): Query<Choice>) -> Result<Response, NoSuchAgent> {
    let frame = choice.frame(&obs)?;
    if choice.since.is_none() && choice.stage.is_none() {
        return Ok(typed(
            JSON,
            once(&frame.rendered.stats, || {
                json(&api::stats(&obs, &frame, None, None))
            }),
        ));
    }
    let stats = api::stats(&obs, &frame, choice.since, choice.stage.as_deref());
    Ok(typed(JSON, json(&stats).into()))
}

/// Counts a viewer for as long as it looks.
struct Viewer(Arc<Observatory>);

impl Viewer {
    fn enter(obs: &Arc<Observatory>) -> Option<Self> {
        let room = |n| (n < MAX_VIEWERS).then_some(n + 1);
        obs.viewers
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, room)
            .ok()?;
        Some(Self(Arc::clone(obs)))
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.0.viewers.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn events(State(obs): Obs, Query(choice): Query<Choice>) -> Result<Response, NoSuchAgent> {
    let agent = choice.frame(&obs)?.agent;
    let Some(viewer) = Viewer::enter(&obs) else {
        let later = [(RETRY_AFTER, HeaderValue::from_static("5"))];
        let busy = (StatusCode::SERVICE_UNAVAILABLE, later, "too many viewers\n");
        return Ok(busy.into_response());
    };
    let mut frames = obs.subscribe();
    frames.mark_changed();
    let ticks = stream::unfold((frames, viewer), move |(mut frames, viewer)| async move {
        frames.changed().await.ok()?;
        let frame = Arc::clone(&frames.borrow_and_update());
        // An agent that is forgotten ends the stream: the page then asks anew and is told so.
        let frame = viewer.0.through(&frame, agent)?;
        let text = once(&frame.rendered.tick, || tick::render(&frame));
        let event = Event::default().event("tick").retry(Duration::from_secs(2));
        let event = event.data(String::from_utf8_lossy(&text));
        Some((Ok::<_, Infallible>(event), (frames, viewer)))
    });
    Ok(Sse::new(ticks).into_response())
}

async fn metrics(State(obs): Obs) -> Response {
    let frame = obs.frame();
    let text = once(&frame.rendered.metrics, || {
        let single = obs.single_agents(frame.ground.now_ms);
        let local = frame
            .rows
            .iter()
            .filter(|r| r.origin == Origin::Local || single.is_none());
        let rows: Vec<&Row> = local.chain(single.iter().flatten()).collect();
        let o = &obs.options;
        prometheus::render(&frame, &rows, o.service, &o.instance, o.started_unix_ms)
    });
    typed("text/plain; version=0.0.4; charset=utf-8", text)
}

async fn livez() -> &'static str {
    "ok\n"
}

async fn readyz(State(obs): Obs) -> Response {
    let readiness = (obs.options.readiness)();
    let ready = readiness.is_ready();
    let body = serde_json::json!({ "ready": ready, "not_ready": readiness.not_ready }).to_string();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, [(CONTENT_TYPE, JSON)], Body::from(body)).into_response()
}
