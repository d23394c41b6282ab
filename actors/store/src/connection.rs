//! Where ClickHouse is, and the secret that opens it.

use std::{fmt, time::Duration};

use hyper::Uri;

use crate::{config::StoreConfig, error::StoreError};

/// A text that is never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where ClickHouse is and how to talk to it.
#[derive(Clone, Debug)]
pub struct ClickHouseConfig {
    /// `http://host:port`.
    pub url: String,
    /// The user, if not the server's default one.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// Whether blocks are sent compressed (LZ4): worth it over a network, not on loopback.
    pub compress: bool,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest an insert may take.
    pub insert_timeout: Duration,
    /// Longest a query or a statement of the schema may take.
    pub query_timeout: Duration,
    /// Longest answer of a query, in bytes.
    pub max_answer_bytes: usize,
    /// What the tables look like.
    pub store: StoreConfig,
}

impl ClickHouseConfig {
    /// The usual limits for the server at `url`.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            user: None,
            password: None,
            compress: false,
            connect_timeout: Duration::from_secs(5),
            insert_timeout: Duration::from_secs(60),
            query_timeout: Duration::from_secs(60),
            max_answer_bytes: 64 << 20,
            store: StoreConfig::default(),
        }
    }
}

/// `http://host:port` of a configured URL, which may have nothing else but a `/` behind it.
pub(crate) fn address(url: &str) -> Result<String, StoreError> {
    // The URL may hold a password where it should not: it is not repeated.
    let wrong = |why: &str| StoreError::Config(format!("ClickHouse URL: {why}"));
    let uri: Uri = url.parse().map_err(|_| wrong("not a URL"))?;
    if uri.scheme_str() != Some("http") {
        return Err(wrong("must begin with http://"));
    }
    let authority = uri.authority().ok_or_else(|| wrong("has no host"))?;
    if authority.as_str().contains('@') {
        return Err(wrong(
            "must not hold a user or password: they have settings of their own",
        ));
    }
    if !matches!(
        uri.path_and_query().map(|p| p.as_str()),
        None | Some("/" | "")
    ) {
        return Err(wrong("must end after the port"));
    }
    let port = uri.port_u16().unwrap_or(8123);
    Ok(format!(
        "http://{}:{port}",
        uri.host().unwrap_or("localhost")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_scheme_host_and_port() {
        assert_eq!(address("http://ch:9000").unwrap(), "http://ch:9000");
        assert_eq!(address("http://ch/").unwrap(), "http://ch:8123");
        assert_eq!(address("http://[::1]:1").unwrap(), "http://[::1]:1");
        for wrong in [
            "",
            "ch:8123",
            "https://ch",
            "http://ch/db",
            "http://ch/?password=x",
        ] {
            assert!(
                matches!(address(wrong), Err(StoreError::Config(_))),
                "{wrong}"
            );
        }
    }
}
