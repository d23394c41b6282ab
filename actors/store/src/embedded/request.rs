//! A request of the front, taken apart: parameters of the URL, settings, forms.

use crate::error::StoreError;

/// Settings a request may carry. Each becomes an argument of its connection, which takes any
/// name without complaint: what is not here is refused, so that a mistyped one is noticed and
/// no request can point the engine elsewhere.
const SETTINGS: &[&str] = &[
    "date_time_input_format",
    "date_time_output_format",
    "describe_include_subcolumns",
    "extremes",
    "group_by_overflow_mode",
    "input_format_allow_errors_num",
    "input_format_allow_errors_ratio",
    "input_format_null_as_default",
    "input_format_skip_unknown_fields",
    "insert_deduplicate",
    "insert_deduplication_token",
    "join_use_nulls",
    "log_comment",
    "max_block_size",
    "max_bytes_to_read",
    "max_execution_time",
    "max_insert_block_size",
    "max_memory_usage",
    "max_partitions_per_insert_block",
    "max_result_bytes",
    "max_result_rows",
    "max_rows_to_group_by",
    "max_rows_to_read",
    "max_threads",
    "min_insert_block_size_bytes",
    "min_insert_block_size_rows",
    "mutations_sync",
    "output_format_json_quote_64bit_integers",
    "output_format_json_quote_denormals",
    "output_format_native_encode_types_in_binary_format",
    "read_overflow_mode",
    "readonly",
    "result_overflow_mode",
    "session_timezone",
    "timeout_overflow_mode",
];

/// Parameters of ClickHouse's HTTP protocol that mean nothing to a front that answers each
/// request on its own, at once and on one machine.
const IGNORED: &[&str] = &[
    "async_insert",
    "buffer_size",
    "client_protocol_version",
    "enable_http_compression",
    "http_zlib_compression_level",
    "query_id",
    "quota_key",
    "role",
    "send_progress_in_http_headers",
    "session_check",
    "session_id",
    "session_timeout",
    "wait_end_of_query",
    "wait_for_async_insert",
];

/// Longest value of a setting in bytes.
const MAX_VALUE: usize = 256;
/// Most parameters of a query.
const MAX_PARAMS: usize = 256;

/// The parameters of a request's URL.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    /// The statement, or its first part.
    pub(crate) query: Option<String>,
    /// The database of unqualified names.
    pub(crate) database: Option<String>,
    /// The format of an answer whose statement names none.
    pub(crate) format: String,
    /// The body comes in compressed blocks.
    pub(crate) decompress: bool,
    /// The answer is to go in compressed blocks.
    pub(crate) compress: bool,
    /// The caller's key, if it came in the URL.
    pub(crate) password: Option<String>,
    /// Settings of this request.
    pub(crate) settings: Vec<(String, String)>,
    /// Parameters of the statement: name without `param_`, value.
    pub(crate) params: Vec<(String, String)>,
}

impl Request {
    /// Reads the query part of a URL.
    pub(crate) fn read(query: &str) -> Result<Self, StoreError> {
        let mut request = Self {
            format: "TabSeparated".into(),
            ..Self::default()
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            request.set(&unescape(name)?, unescape(value)?)?;
        }
        Ok(request)
    }

    /// The caller may only look.
    pub(crate) fn make_readonly(&mut self) {
        self.settings.retain(|(name, _)| name != "readonly");
        self.settings.push(("readonly".into(), "1".into()));
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), StoreError> {
        match name {
            "query" => self.query = Some(value),
            "database" => self.database = (!value.is_empty()).then_some(value),
            "default_format" => {
                if !is_name(&value) {
                    return Err(StoreError::exception(Some(73), "the format is not a name"));
                }
                self.format = value;
            }
            "decompress" => self.decompress = value == "1",
            "compress" => self.compress = value == "1",
            "password" => self.password = Some(value),
            "user" => {}
            name if IGNORED.contains(&name) => {}
            name if name.starts_with("param_") => self.add_param(name, value)?,
            name if SETTINGS.contains(&name) => {
                let printable = value.chars().all(|c| !c.is_control());
                if value.len() > MAX_VALUE || !printable {
                    return Err(StoreError::exception(
                        Some(36),
                        &format!("the value of setting {name} is too long or not plain text"),
                    ));
                }
                self.settings.push((name.into(), value));
            }
            // UNKNOWN_SETTING
            unknown => {
                return Err(StoreError::exception(
                    Some(115),
                    &format!("setting {} is unknown here", unknown.escape_debug()),
                ));
            }
        }
        Ok(())
    }

    fn add_param(&mut self, name: &str, value: String) -> Result<(), StoreError> {
        let name = name.strip_prefix("param_").unwrap_or(name);
        if !is_name(name) || self.params.len() >= MAX_PARAMS {
            return Err(StoreError::exception(
                Some(36),
                "a query parameter has no plain name, or there are too many",
            ));
        }
        self.params.push((name.into(), value));
        Ok(())
    }

    /// Reads a form (`multipart/form-data`, RFC 7578): the fields `query` and `param_*`. Returns
    /// the statement in it.
    pub(crate) fn read_form(&mut self, body: &str, boundary: &str) -> Result<String, StoreError> {
        let wrong = |what: &str| StoreError::exception(Some(36), &format!("form: {what}"));
        let delimiter = format!("--{boundary}");
        let mut statement = String::new();
        // Before the first delimiter stands nothing that counts.
        for part in body.split(delimiter.as_str()).skip(1) {
            if part.starts_with("--") {
                break;
            }
            let part = part
                .strip_prefix("\r\n")
                .ok_or_else(|| wrong("no line end"))?;
            let (head, value) = part
                .split_once("\r\n\r\n")
                .ok_or_else(|| wrong("a field has no value"))?;
            let value = value
                .strip_suffix("\r\n")
                .ok_or_else(|| wrong("a field is cut short"))?;
            let name = head
                .split_once("name=\"")
                .and_then(|(_, rest)| rest.split_once('"'))
                .map(|(name, _)| name)
                .ok_or_else(|| wrong("a field has no name"))?;
            if name == "query" {
                statement.push_str(value);
            } else if name.starts_with("param_") {
                self.add_param(name, value.into())?;
            } else {
                return Err(wrong("a field is neither the query nor a parameter"));
            }
        }
        Ok(statement)
    }
}

/// The boundary in a `Content-Type` of `multipart/form-data`.
pub(crate) fn form_boundary(content_type: &str) -> Option<&str> {
    let (kind, rest) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let (_, boundary) = rest.split_once("boundary=")?;
    let boundary = boundary.split(';').next()?.trim().trim_matches('"');
    // RFC 2046: 1 to 70 characters.
    (1..=70).contains(&boundary.len()).then_some(boundary)
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Undoes `application/x-www-form-urlencoded`.
fn unescape(text: &str) -> Result<String, StoreError> {
    let wrong = || StoreError::exception(Some(36), "the URL is not encoded as it should be");
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || {
                    let digit = bytes.next().map(char::from).and_then(|c| c.to_digit(16));
                    digit.and_then(|d| u8::try_from(d).ok()).ok_or_else(wrong)
                };
                digit()? << 4 | digit()?
            }
            plain => plain,
        });
    }
    String::from_utf8(out).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_are_sorted_by_what_they_are_for() {
        let request = Request::read(
            "query=INSERT+INTO%20t%20FORMAT%20Native&decompress=1&insert_deduplication_token=a%2Bb\
             &param_x=%27&session_id=7&database=d&default_format=JSON&password=k",
        )
        .unwrap();
        let want = Request {
            query: Some("INSERT INTO t FORMAT Native".into()),
            database: Some("d".into()),
            format: "JSON".into(),
            decompress: true,
            compress: false,
            password: Some("k".into()),
            settings: vec![("insert_deduplication_token".into(), "a+b".into())],
            params: vec![("x".into(), "'".into())],
        };
        assert_eq!(request, want);
    }

    #[test]
    fn unknown_settings_and_bad_encodings_are_refused() {
        let error = Request::read("max_treads=1").unwrap_err();
        assert!(
            matches!(error, StoreError::Rejected { code: 115, .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains("max_treads"));
        for wrong in [
            "path=/etc",
            "query=%",
            "query=%2",
            "query=%zz",
            "query=%ff",
            "max_threads=%00",
            "default_format=a;b",
            "param_=1",
        ] {
            assert!(Request::read(wrong).is_err(), "{wrong}");
        }
        let long = format!("log_comment={}", "x".repeat(MAX_VALUE + 1));
        assert!(Request::read(&long).is_err());
    }

    #[test]
    fn readonly_cannot_be_loosened_by_the_url() {
        let mut request = Request::read("readonly=0").unwrap();
        request.make_readonly();
        assert_eq!(request.settings, [("readonly".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn a_form_gives_the_statement_and_its_parameters() {
        let boundary = form_boundary("multipart/form-data; boundary=\"xyz\"").unwrap();
        assert_eq!(form_boundary("text/plain; boundary=x"), None);
        let field = |name: &str, value: &str| {
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            )
        };
        let body =
            field("query", "SELECT {a:String}") + &field("param_a", "x\r\ny") + "--xyz--\r\n";
        let mut request = Request::default();
        assert_eq!(
            request.read_form(&body, boundary).unwrap(),
            "SELECT {a:String}"
        );
        assert_eq!(request.params, [("a".to_owned(), "x\r\ny".to_owned())]);

        let body = field("file", "x");
        assert!(request.read_form(&body, boundary).is_err());
        assert!(request.read_form("--xyz\r\nno value", boundary).is_err());
    }

    proptest! {
        #[test]
        fn no_url_or_form_makes_it_panic(text in ".{0,300}", boundary in "[a-z]{1,5}") {
            let _ = Request::read(&text);
            let _ = Request::default().read_form(&text, &boundary);
            let _ = form_boundary(&text);
        }
    }
}
