use crate::reader::Reader;

/// A field of a protocol buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field<'a> {
    Number(u64),
    /// Text, bytes or a message.
    Bytes(&'a [u8]),
}

/// Calls `take` with the number and value of each field of `message`, up to what is none or is cut off; whether it was
/// read to its end.
pub(super) fn fields<'a>(message: &'a [u8], mut take: impl FnMut(u64, Field<'a>)) -> bool {
    let mut r = Reader::new(message);
    let mut next = || {
        let key = r.varint()?;
        let field = match key & 7 {
            0 => Field::Number(r.varint()?),
            1 => Field::Number(r.u64_le()?),
            2 => {
                let n = usize::try_from(r.varint()?).ok()?;
                Field::Bytes(r.take(n)?)
            }
            5 => Field::Number(u64::from(r.u32_le()?)),
            _ => return None,
        };
        Some((key >> 3, field, r.is_empty()))
    };
    while let Some((number, field, last)) = next() {
        take(number, field);
        if last {
            return true;
        }
    }
    message.is_empty()
}

/// `RpcMeta` of `baidu_rpc_meta.proto`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Meta<'a> {
    pub(super) request: Option<Request<'a>>,
    pub(super) response: Option<Response<'a>>,
    pub(super) correlation: Option<u64>,
    /// Bytes after the message itself.
    pub(super) attachment: Option<u64>,
    /// Entries of `user_fields`: messages of a name and a value.
    pub(super) user_fields: Vec<&'a [u8]>,
    /// Of a stream that begins with the call.
    pub(super) stream: bool,
}

/// `RpcRequestMeta`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request<'a> {
    pub(super) service: &'a [u8],
    pub(super) method: &'a [u8],
    pub(super) log: Option<u64>,
    pub(super) trace: Option<u64>,
    pub(super) span: Option<u64>,
    pub(super) parent_span: Option<u64>,
    pub(super) request_id: &'a [u8],
}

/// `RpcResponseMeta`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Response<'a> {
    pub(super) code: i32,
    pub(super) text: &'a [u8],
}

/// More user fields are not looked at.
const MOST_USER_FIELDS: usize = 128;

/// What stands in the bytes of a meta; and whether they were read to their end.
pub(super) fn read(bytes: &[u8]) -> (Meta<'_>, bool) {
    let mut meta = Meta::default();
    let whole = fields(bytes, |number, field| match (number, field) {
        (1, Field::Bytes(b)) => meta.request = Some(request(b)),
        (2, Field::Bytes(b)) => meta.response = Some(response(b)),
        (4, Field::Number(n)) => meta.correlation = Some(n),
        (5, Field::Number(n)) => meta.attachment = Some(n),
        (8, Field::Bytes(_)) => meta.stream = true,
        (9, Field::Bytes(b)) if meta.user_fields.len() < MOST_USER_FIELDS => {
            meta.user_fields.push(b);
        }
        _ => {}
    });
    (meta, whole)
}

/// The name and value of a user field.
pub(super) fn user_field(entry: &[u8]) -> (&[u8], &[u8]) {
    let (mut name, mut value) = (&b""[..], &b""[..]);
    fields(entry, |number, field| match (number, field) {
        (1, Field::Bytes(b)) => name = b,
        (2, Field::Bytes(b)) => value = b,
        _ => {}
    });
    (name, value)
}

fn request(bytes: &[u8]) -> Request<'_> {
    let mut request = Request::default();
    fields(bytes, |number, field| match (number, field) {
        (1, Field::Bytes(b)) => request.service = b,
        (2, Field::Bytes(b)) => request.method = b,
        (3, Field::Number(n)) => request.log = Some(n),
        (4, Field::Number(n)) => request.trace = Some(n),
        (5, Field::Number(n)) => request.span = Some(n),
        (6, Field::Number(n)) => request.parent_span = Some(n),
        (7, Field::Bytes(b)) => request.request_id = b,
        _ => {}
    });
    request
}

fn response(bytes: &[u8]) -> Response<'_> {
    let mut response = Response::default();
    fields(bytes, |number, field| match (number, field) {
        // Numbers below zero are sent as if they had 64 bits.
        (1, Field::Number(n)) => response.code = n as i32,
        (2, Field::Bytes(b)) => response.text = b,
        _ => {}
    });
    response
}
