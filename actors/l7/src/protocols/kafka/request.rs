use super::api;
use super::fields::Fields;
use super::records::headers;
use crate::Settings;
use crate::trace::TraceHeaders;

/// What a request is about: of several topics and partitions the first.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) topic: String,
    pub(super) partition: Option<i32>,
    pub(super) offset: Option<i64>,
    pub(super) group: String,
    /// The producer wants no answer.
    pub(super) is_unanswered: bool,
}

/// Reads the body of a request, as far as it is there and understood.
pub(super) fn read(
    key: i16,
    version: i16,
    body: &[u8],
    settings: &Settings,
    traces: &mut TraceHeaders,
) -> Facts {
    let mut facts = Facts::default();
    let is_flexible = api::find(key).is_some_and(|a| a.is_flexible(version));
    let mut f = Fields::new(body, is_flexible);
    let _ = match key {
        api::PRODUCE => produce(&mut facts, &mut f, version, settings, traces),
        api::FETCH => fetch(&mut facts, &mut f, version),
        api::OFFSET_COMMIT => offset_commit(&mut facts, &mut f, version),
        api::OFFSET_FETCH => offset_fetch(&mut facts, &mut f, version),
        api::TXN_OFFSET_COMMIT => txn_offset_commit(&mut facts, &mut f, version),
        api::FIND_COORDINATOR => find_coordinator(&mut facts, &mut f, version),
        _ => small(&mut facts, &mut f, key, version),
    };
    facts
}

/// Those that take a line.
fn small(facts: &mut Facts, f: &mut Fields<'_>, key: i16, version: i16) -> Option<()> {
    match key {
        api::JOIN_GROUP
        | api::HEARTBEAT
        | api::LEAVE_GROUP
        | api::SYNC_GROUP
        | api::OFFSET_DELETE
        | api::CONSUMER_GROUP_HEARTBEAT
        | api::SHARE_GROUP_HEARTBEAT
        | api::SHARE_FETCH
        | api::STREAMS_GROUP_HEARTBEAT => facts.group = f.name()?,
        api::DESCRIBE_GROUPS | api::DELETE_GROUPS | api::CONSUMER_GROUP_DESCRIBE => {
            some(f)?;
            facts.group = f.name()?;
        }
        api::CREATE_TOPICS | api::CREATE_PARTITIONS => {
            some(f)?;
            facts.topic = f.name()?;
        }
        api::METADATA => {
            some(f)?;
            let number = if version >= 10 {
                f.number()?
            } else {
                String::new()
            };
            facts.topic = f.name()?;
            if facts.topic.is_empty() {
                facts.topic = number;
            }
        }
        api::DELETE_TOPICS => {
            some(f)?;
            facts.topic = f.name()?;
            if facts.topic.is_empty() && version >= 6 {
                facts.topic = f.number()?;
            }
        }
        api::LIST_OFFSETS => {
            f.skip(if version >= 2 { 5 } else { 4 })?;
            partition(facts, f, false)?;
        }
        api::OFFSET_FOR_LEADER_EPOCH => {
            f.skip(if version >= 3 { 4 } else { 0 })?;
            partition(facts, f, false)?;
        }
        api::DELETE_RECORDS => {
            partition(facts, f, false)?;
            facts.offset = Some(f.r.i64()?);
        }
        api::ADD_PARTITIONS_TO_TXN if version < 4 => {
            f.text()?;
            f.skip(10)?;
            partition(facts, f, false)?;
        }
        api::ADD_OFFSETS_TO_TXN => {
            f.text()?;
            f.skip(10)?;
            facts.group = f.name()?;
        }
        _ => {}
    }
    Some(())
}

/// A list that is not empty.
pub(super) fn some(f: &mut Fields<'_>) -> Option<usize> {
    f.list().filter(|n| *n > 0)
}

/// A list of topics, each a list of partitions that begin with their number.
fn partition(facts: &mut Facts, f: &mut Fields<'_>, by_number: bool) -> Option<()> {
    some(f)?;
    facts.topic = f.topic(by_number)?;
    some(f)?;
    facts.partition = Some(f.r.i32()?);
    Some(())
}

fn produce(
    facts: &mut Facts,
    f: &mut Fields<'_>,
    version: i16,
    settings: &Settings,
    traces: &mut TraceHeaders,
) -> Option<()> {
    if version >= 3 {
        // The transaction's name.
        f.text()?;
    }
    facts.is_unanswered = f.r.i16()? == 0;
    f.skip(4)?;
    partition(facts, f, version >= 13)?;
    headers(f.bytes()?, |name, value| traces.take(settings, name, value));
    Some(())
}

fn fetch(facts: &mut Facts, f: &mut Fields<'_>, version: i16) -> Option<()> {
    let replica = if version < 15 { 4 } else { 0 };
    let most_bytes = if version >= 3 { 4 } else { 0 };
    let isolation = if version >= 4 { 1 } else { 0 };
    let session = if version >= 7 { 8 } else { 0 };
    f.skip(replica + 8 + most_bytes + isolation + session)?;
    partition(facts, f, version >= 13)?;
    if version >= 9 {
        f.skip(4)?;
    }
    facts.offset = Some(f.r.i64()?);
    Some(())
}

fn offset_commit(facts: &mut Facts, f: &mut Fields<'_>, version: i16) -> Option<()> {
    facts.group = f.name()?;
    if version >= 1 {
        f.skip(4)?;
        f.text()?;
    }
    if version >= 7 {
        f.text()?;
    }
    if (2..=4).contains(&version) {
        f.skip(8)?;
    }
    partition(facts, f, version >= 10)?;
    facts.offset = Some(f.r.i64()?);
    Some(())
}

fn offset_fetch(facts: &mut Facts, f: &mut Fields<'_>, version: i16) -> Option<()> {
    if version >= 8 {
        some(f)?;
    }
    facts.group = f.name()?;
    if version >= 9 {
        f.text()?;
        f.skip(4)?;
    }
    partition(facts, f, version >= 10)
}

fn txn_offset_commit(facts: &mut Facts, f: &mut Fields<'_>, version: i16) -> Option<()> {
    f.text()?;
    facts.group = f.name()?;
    f.skip(10)?;
    if version >= 3 {
        f.skip(4)?;
        f.text()?;
        f.text()?;
    }
    partition(facts, f, false)?;
    facts.offset = Some(f.r.i64()?);
    Some(())
}

fn find_coordinator(facts: &mut Facts, f: &mut Fields<'_>, version: i16) -> Option<()> {
    let (kind, key) = if version >= 4 {
        let kind = f.r.u8()?;
        some(f)?;
        (kind, f.name()?)
    } else {
        let key = f.name()?;
        let kind = if version >= 1 { f.r.u8()? } else { 0 };
        (kind, key)
    };
    // Of other kinds is the coordinator of a transaction.
    if kind == 0 {
        facts.group = key;
    }
    Some(())
}
