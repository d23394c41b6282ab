//! The C functions of `libchdb.so` (26.x) that are used here, declared by hand and loaded at run
//! time, behind a safe API. The header they come from is public: chdb-io/chdb-core,
//! `programs/local/chdb.h`.

#![allow(
    unsafe_code,
    reason = "the engine is a C++ library: every call crosses into C"
)]

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    marker::PhantomData,
    path::Path,
    slice,
};

use libloading::Library;

use crate::error::StoreError;

type Handle = *mut c_void;
type QueryFn = unsafe extern "C" fn(Handle, *const c_char, usize, *const c_char, usize) -> Handle;
type ParamQueryFn = unsafe extern "C" fn(
    Handle,
    *const c_char,
    usize,
    *const c_char,
    usize,
    *const *const c_char,
    *const usize,
    *const *const c_char,
    *const usize,
    usize,
) -> Handle;

/// The loaded library. It is never unloaded: its threads would outlive their code.
pub(crate) struct Api {
    connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut Handle,
    close: unsafe extern "C" fn(*mut Handle),
    query: QueryFn,
    query_params: ParamQueryFn,
    stream: QueryFn,
    stream_next: unsafe extern "C" fn(Handle, Handle) -> Handle,
    stream_cancel: unsafe extern "C" fn(Handle, Handle),
    result_free: unsafe extern "C" fn(Handle),
    result_data: unsafe extern "C" fn(Handle) -> *const u8,
    result_len: unsafe extern "C" fn(Handle) -> usize,
    result_error: unsafe extern "C" fn(Handle) -> *const c_char,
    result_rows_written: unsafe extern "C" fn(Handle) -> u64,
    insert: QueryFn,
    insert_push: unsafe extern "C" fn(Handle, *const c_void, usize) -> c_int,
    insert_done: unsafe extern "C" fn(Handle) -> Handle,
    insert_cancel: unsafe extern "C" fn(Handle),
    insert_error: unsafe extern "C" fn(Handle) -> *const c_char,
    insert_free: unsafe extern "C" fn(Handle),
    version: String,
}

impl Api {
    /// Loads the library and tells it to leave this process's signal handlers alone.
    pub(crate) fn load(path: &Path) -> Result<&'static Self, StoreError> {
        let failed = |reason: &dyn std::fmt::Display| {
            StoreError::Library(format!("{}: {reason}", path.display()))
        };
        // SAFETY: loading runs the library's static constructors; `locate` finds the library the
        // fetch script checked by its sum, or one the operator named.
        let library = unsafe { Library::new(path) }.map_err(|e| failed(&e))?;
        // Static: symbols below are copied out of it.
        let library: &'static Library = Box::leak(Box::new(library));
        macro_rules! symbol {
            ($name:literal) => {{
                // SAFETY: the type it is stored as is the function's declaration in `chdb.h`.
                let symbol = unsafe { library.get(concat!($name, "\0").as_bytes()) };
                *symbol
                    .map_err(|_| failed(&concat!("no function ", $name, ": another version?")))?
            }};
        }
        let version: unsafe extern "C" fn() -> *const c_char = symbol!("chdb_version");
        let set_signal_handlers: unsafe extern "C" fn(c_int) =
            symbol!("chdb_set_signal_handlers_enabled");
        // SAFETY: neither has preconditions; the version is a static string.
        let version = unsafe {
            set_signal_handlers(0);
            text(version())
        };
        Ok(Box::leak(Box::new(Self {
            connect: symbol!("chdb_connect"),
            close: symbol!("chdb_close_conn"),
            query: symbol!("chdb_query_n"),
            query_params: symbol!("chdb_query_with_params_n"),
            stream: symbol!("chdb_stream_query_n"),
            stream_next: symbol!("chdb_stream_fetch_result"),
            stream_cancel: symbol!("chdb_stream_cancel_query"),
            result_free: symbol!("chdb_destroy_query_result"),
            result_data: symbol!("chdb_result_buffer"),
            result_len: symbol!("chdb_result_length"),
            result_error: symbol!("chdb_result_error"),
            result_rows_written: symbol!("chdb_result_rows_written"),
            insert: symbol!("chdb_stream_insert_n"),
            insert_push: symbol!("chdb_stream_append"),
            insert_done: symbol!("chdb_stream_done"),
            insert_cancel: symbol!("chdb_stream_cancel_insert"),
            insert_error: symbol!("chdb_stream_insert_error"),
            insert_free: symbol!("chdb_destroy_insert_stream"),
            version: version.unwrap_or_else(|| "unknown".into()),
        })))
    }

    /// The engine's version.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Opens a connection. The first one of the process starts the engine; all must name the
    /// same folder. `args` are those of clickhouse-local.
    pub(crate) fn connect(&'static self, args: &[String]) -> Result<Connection, StoreError> {
        let args: Vec<CString> = std::iter::once("clickhouse")
            .chain(args.iter().map(String::as_str))
            .map(CString::new)
            .collect::<Result<_, _>>()
            .map_err(|_| StoreError::Config("a setting holds a zero byte".into()))?;
        let mut argv: Vec<*mut c_char> = args.iter().map(|arg| arg.as_ptr().cast_mut()).collect();
        let argc = c_int::try_from(argv.len())
            .map_err(|_| StoreError::Config("too many settings".into()))?;
        // SAFETY: argv holds argc valid C strings that outlive the call; the engine copies them.
        let slot = unsafe { (self.connect)(argc, argv.as_mut_ptr()) };
        // SAFETY: a non-null answer points to the connection's handle.
        if slot.is_null() || unsafe { (*slot).is_null() } {
            return Err(StoreError::Library(
                "the engine refused the connection: damaged or foreign data folder, or a folder other than the one it has open".into(),
            ));
        }
        Ok(Connection {
            api: self,
            slot,
            one_thread: PhantomData,
        })
    }
}

/// A C string of the library, if there is one.
///
/// # Safety
///
/// `at` is null or a C string that lives during the call.
unsafe fn text(at: *const c_char) -> Option<String> {
    // SAFETY: as above.
    (!at.is_null()).then(|| unsafe { CStr::from_ptr(at) }.to_string_lossy().into_owned())
}

/// One connection with its own settings. It stays on the thread that opened it.
pub(crate) struct Connection {
    api: &'static Api,
    slot: *mut Handle,
    one_thread: PhantomData<*mut ()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: the slot came from `connect` and is closed once.
        unsafe { (self.api.close)(self.slot) }
    }
}

/// An answer of the engine, freed when dropped.
struct Answer<'a> {
    api: &'a Api,
    handle: Handle,
}

impl Drop for Answer<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is a result that nobody else frees.
        unsafe { (self.api.result_free)(self.handle) }
    }
}

impl<'a> Answer<'a> {
    /// Takes over what a query function returned.
    fn new(api: &'a Api, handle: Handle) -> Result<Self, StoreError> {
        if handle.is_null() {
            return Err(StoreError::exception(None, "the engine gave no answer"));
        }
        let answer = Self { api, handle };
        // SAFETY: the handle is valid; the text lives as long as it.
        match unsafe { text((api.result_error)(handle)) } {
            Some(error) => Err(StoreError::exception_text(&error)),
            None => Ok(answer),
        }
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the handle is valid; data and length belong together and live as long as it.
        unsafe {
            let data = (self.api.result_data)(self.handle);
            let len = (self.api.result_len)(self.handle);
            if data.is_null() || len == 0 {
                &[]
            } else {
                slice::from_raw_parts(data, len)
            }
        }
    }

    fn rows_written(&self) -> u64 {
        // SAFETY: the handle is valid.
        unsafe { (self.api.result_rows_written)(self.handle) }
    }
}

impl Connection {
    fn handle(&self) -> Handle {
        // SAFETY: `connect` checked the slot; it stays valid until the connection is closed.
        unsafe { *self.slot }
    }

    fn start(&self, function: QueryFn, sql: &str, format: &str) -> Handle {
        // SAFETY: both texts are given with their lengths and outlive the call.
        unsafe {
            function(
                self.handle(),
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
            )
        }
    }

    /// Runs a statement and returns its whole answer, of at most `limit` bytes.
    pub(crate) fn query(
        &self,
        sql: &str,
        format: &str,
        params: &[(String, String)],
        limit: usize,
    ) -> Result<Vec<u8>, StoreError> {
        let handle = if params.is_empty() {
            self.start(self.api.query, sql, format)
        } else {
            self.start_with_params(sql, format, params)
        };
        let answer = Answer::new(self.api, handle)?;
        let bytes = answer.bytes();
        if bytes.len() > limit {
            return Err(StoreError::TooLong { limit });
        }
        Ok(bytes.to_vec())
    }

    fn start_with_params(&self, sql: &str, format: &str, params: &[(String, String)]) -> Handle {
        let names: Vec<*const c_char> = params.iter().map(|(n, _)| n.as_ptr().cast()).collect();
        let name_lens: Vec<usize> = params.iter().map(|(n, _)| n.len()).collect();
        let values: Vec<*const c_char> = params.iter().map(|(_, v)| v.as_ptr().cast()).collect();
        let value_lens: Vec<usize> = params.iter().map(|(_, v)| v.len()).collect();
        // SAFETY: texts are given with their lengths, the four arrays have as many entries as
        // the count says, and all of them outlive the call.
        unsafe {
            (self.api.query_params)(
                self.handle(),
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
                names.as_ptr(),
                name_lens.as_ptr(),
                values.as_ptr(),
                value_lens.as_ptr(),
                params.len(),
            )
        }
    }

    /// Runs a query and hands its answer over piece by piece, until `take` says no. The engine
    /// formats every piece on its own: head and foot of a format come with each.
    pub(crate) fn stream(
        &self,
        sql: &str,
        format: &str,
        mut take: impl FnMut(&[u8]) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let stream = Answer::new(self.api, self.start(self.api.stream, sql, format))?;
        let mut pieces = || {
            loop {
                // SAFETY: the stream belongs to this connection and is not finished.
                let piece = unsafe { (self.api.stream_next)(self.handle(), stream.handle) };
                let piece = Answer::new(self.api, piece)?;
                let bytes = piece.bytes();
                if bytes.is_empty() || !take(bytes)? {
                    return Ok(());
                }
            }
        };
        let done = pieces();
        // SAFETY: as above; after it the stream is only freed.
        unsafe { (self.api.stream_cancel)(self.handle(), stream.handle) };
        done
    }

    /// Begins an insert whose data follow. `head` has no `FORMAT` clause.
    pub(crate) fn insert(&self, head: &str, format: &str) -> Result<Insert<'_>, StoreError> {
        let handle = self.start(self.api.insert, head, format);
        if handle.is_null() {
            return Err(StoreError::exception(None, "the engine began no insert"));
        }
        let insert = Insert {
            connection: self,
            handle,
            open: true,
        };
        match insert.error() {
            Some(error) => Err(error),
            None => Ok(insert),
        }
    }
}

/// An insert under way. Dropped before [`Insert::finish`], it is cancelled.
pub(crate) struct Insert<'a> {
    connection: &'a Connection,
    handle: Handle,
    open: bool,
}

impl Insert<'_> {
    fn error(&self) -> Option<StoreError> {
        // SAFETY: the handle is valid; the text lives as long as it.
        unsafe { text((self.connection.api.insert_error)(self.handle)) }
            .map(|error| StoreError::exception_text(&error))
    }

    /// Appends bytes of the data, cut anywhere.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        // SAFETY: the handle is an open insert; the bytes are given with their length.
        let status = unsafe {
            (self.connection.api.insert_push)(self.handle, bytes.as_ptr().cast(), bytes.len())
        };
        if status == 0 {
            return Ok(());
        }
        Err(self
            .error()
            .unwrap_or_else(|| StoreError::exception(None, "the engine took no more data")))
    }

    /// Ends the data and waits until the rows are stored. Returns their number.
    pub(crate) fn finish(mut self) -> Result<u64, StoreError> {
        self.open = false;
        // SAFETY: the handle is an open insert; after this it is only asked for its error and
        // freed.
        let handle = unsafe { (self.connection.api.insert_done)(self.handle) };
        if handle.is_null() {
            return Err(self
                .error()
                .unwrap_or_else(|| StoreError::exception(None, "the engine ended no insert")));
        }
        Answer::new(self.connection.api, handle).map(|answer| answer.rows_written())
    }
}

impl Drop for Insert<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is valid, cancelled at most once and only while open, freed once.
        unsafe {
            if self.open {
                (self.connection.api.insert_cancel)(self.handle);
            }
            (self.connection.api.insert_free)(self.handle);
        }
    }
}
