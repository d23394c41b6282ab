//! Reads what a request log has beyond its fields (`flow_log.ExtendedInfo`): few texts that have columns, and lists of
//! attributes and measured values.

use crate::l7_log_row::text;
use crate::protobuf::{Malformed, Reader, double, int, len};
use crate::request_wire::RawTexts;
use crate::texts::clean;
use store::TextList;
use store::rows::RequestLists;

/// Attributes of a message that are kept, and as many measured values.
const MAX_ITEMS: usize = 256;
/// A list that is longer takes no more, bytes.
const MAX_LIST: usize = 64 << 10;
/// Longest name of an attribute, bytes.
const MAX_NAME: usize = 1 << 10;
/// Longest value of an attribute, bytes.
const MAX_VALUE: usize = 16 << 10;

/// Texts that have no column but a name among the attributes.
const NAMES: [&str; 3] = ["http_user_agent", "http_referer", "rpc_service"];

/// What the lists are made of.
#[derive(Default)]
pub(crate) struct ListParts<'a> {
    /// Made with the first item: most messages have none.
    lists: Option<Box<RequestLists>>,
    /// Of [`NAMES`].
    named: [&'a [u8]; NAMES.len()],
}

impl ListParts<'_> {
    fn lists(&mut self) -> &mut RequestLists {
        self.lists.get_or_insert_default()
    }

    /// The lists, where the message has any. Names without a value and values without a name belong to nothing.
    pub(crate) fn into_lists(mut self) -> Option<Box<RequestLists>> {
        if let Some(l) = &mut self.lists {
            let pairs = l.attribute_names.len().min(l.attribute_values.len());
            l.attribute_names.truncate(pairs);
            l.attribute_values.truncate(pairs);
            let pairs = l.metrics_names.len().min(l.metrics_values.len());
            l.metrics_names.truncate(pairs);
            l.metrics_values.truncate(pairs);
        }
        let named = self.named;
        for (name, value) in NAMES.into_iter().zip(named) {
            if !value.is_empty() {
                let l = self.lists();
                l.attribute_names.push(name);
                l.attribute_values.push(&clean(value, MAX_VALUE));
            }
        }
        self.lists
    }
}

/// Takes one more text into a list, while there is room.
fn take(list: &mut TextList, bytes: &[u8], max: usize) {
    if list.len() < MAX_ITEMS && list.byte_len() < MAX_LIST {
        list.push(&clean(bytes, max));
    }
}

/// Reads it; returns the request's id if it says one.
pub(crate) fn read_extension<'a>(
    mut r: Reader<'a>,
    t: &mut RawTexts<'a>,
    p: &mut ListParts<'a>,
) -> Result<Option<u32>, Malformed> {
    let mut request_id = None;
    while let Some(key) = r.key()? {
        match key {
            SERVICE => t[text::SERVICE] = r.bytes()?,
            CLIENT_IP => t[text::PROXY_CLIENT] = r.bytes()?,
            REQUEST_ID => request_id = Some(r.u32()?),
            X_REQUEST_ID_0 => t[text::X_REQUEST_ID_0] = r.bytes()?,
            USER_AGENT => p.named[0] = r.bytes()?,
            REFERER => p.named[1] = r.bytes()?,
            RPC_SERVICE => p.named[2] = r.bytes()?,
            PROTOCOL => t[text::BIZ_PROTOCOL] = r.bytes()?,
            X_REQUEST_ID_1 => t[text::X_REQUEST_ID_1] = r.bytes()?,
            ATTRIBUTE_NAME => take(&mut p.lists().attribute_names, r.bytes()?, MAX_NAME),
            ATTRIBUTE_VALUE => take(&mut p.lists().attribute_values, r.bytes()?, MAX_VALUE),
            METRIC_NAME => take(&mut p.lists().metrics_names, r.bytes()?, MAX_NAME),
            METRIC_VALUE | METRIC_VALUES => {
                let values = &mut p.lists().metrics_values;
                r.doubles(key, |n| {
                    if values.len() < MAX_ITEMS {
                        values.push(n);
                    }
                })?;
            }
            other => r.skip(other)?,
        }
    }
    Ok(request_id)
}

const SERVICE: u32 = len(1);
const CLIENT_IP: u32 = len(2);
const REQUEST_ID: u32 = int(3);
const X_REQUEST_ID_0: u32 = len(4);
const USER_AGENT: u32 = len(6);
const REFERER: u32 = len(7);
const RPC_SERVICE: u32 = len(8);
const PROTOCOL: u32 = len(9);
const X_REQUEST_ID_1: u32 = len(10);
const ATTRIBUTE_NAME: u32 = len(16);
const ATTRIBUTE_VALUE: u32 = len(17);
const METRIC_NAME: u32 = len(18);
const METRIC_VALUE: u32 = double(19);
const METRIC_VALUES: u32 = len(19);
