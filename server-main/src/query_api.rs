//! `POST /api/v1/query`: SQL for the store, read-only.
use axum::Router;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use ingester::StoreHandle;
use serde::Deserialize;
use store::StoreError;

/// Longest question.
const MAX_SQL: usize = 1 << 20;
/// Formats that may be asked for. Text all of them: nothing a browser would run.
const FORMATS: [&str; 6] = [
    "PrettyCompactMonoBlock",
    "CSVWithNames",
    "JSONEachRow",
    "JSONCompact",
    "TabSeparated",
    "TabSeparatedWithNames",
];

#[derive(Deserialize)]
struct Ask {
    #[serde(default = "default_format")]
    format: String,
}

fn default_format() -> String {
    "JSONEachRow".to_owned()
}

pub(crate) fn router(store: StoreHandle) -> Router {
    Router::new()
        .route("/api/v1/query", post(ask))
        .layer(DefaultBodyLimit::max(MAX_SQL))
        .with_state(store)
}

async fn ask(State(store): State<StoreHandle>, Query(ask): Query<Ask>, sql: String) -> Response {
    let Some(format) = FORMATS.iter().find(|f| **f == ask.format) else {
        return text(
            StatusCode::BAD_REQUEST,
            format!("format must be one of {}\n", FORMATS.join(", ")),
        );
    };
    let client = store.borrow().clone();
    let Some(client) = client else {
        return text(
            StatusCode::SERVICE_UNAVAILABLE,
            "the store is not up; /readyz says why\n",
        );
    };
    match client.query_raw(&sql, format, true).await {
        Ok(rows) => text(StatusCode::OK, rows),
        Err(
            e @ (StoreError::Rejected { .. }
            | StoreError::UnknownTable { .. }
            | StoreError::TooLong { .. }),
        ) => text(StatusCode::BAD_REQUEST, format!("{e}\n")),
        Err(e) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{e}\n")),
    }
}

fn text(status: StatusCode, body: impl IntoResponse) -> Response {
    let mut r = (status, body).into_response();
    let h = r.headers_mut();
    h.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    h.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    h.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    r
}
