use super::api::{self, Api, Place};
use super::fields::Fields;
use super::request::some;

/// What a response says: of several topics and partitions, of the first.
#[derive(Debug, Default)]
pub(super) struct Answer<'a> {
    pub(super) code: Option<i16>,
    pub(super) message: &'a [u8],
    pub(super) topic: String,
    pub(super) partition: Option<i32>,
    pub(super) offset: Option<i64>,
}

/// Reads what follows a response's correlation id, as far as it is there and understood.
pub(super) fn read<'a>(key: i16, api: &Api, version: i16, rest: &'a [u8]) -> Answer<'a> {
    let mut a = Answer::default();
    let mut f = Fields::new(rest, api.is_flexible(version));
    let _ = fill(&mut a, &mut f, key, api, version);
    a
}

fn fill<'a>(
    a: &mut Answer<'a>,
    f: &mut Fields<'a>,
    key: i16,
    api: &Api,
    version: i16,
) -> Option<()> {
    // Whoever asks for versions may not know the flexible form.
    if key != api::API_VERSIONS {
        f.tags()?;
    }
    if api.is_throttled(version) {
        f.skip(4)?;
    }
    match api.place {
        Place::Unknown => {}
        Place::First => {
            a.code = Some(f.r.i16()?);
            if key == api::SASL_AUTHENTICATE {
                a.message = f.text()?;
            }
        }
        Place::Each => each(a, f)?,
        Place::Named => {
            some(f)?;
            f.text()?;
            a.code = Some(f.r.i16()?);
        }
        Place::Topics => topics(a, f, key == api::OFFSET_COMMIT && version >= 10)?,
        Place::Own => own(a, f, key, version)?,
    }
    Some(())
}

fn each(a: &mut Answer<'_>, f: &mut Fields<'_>) -> Option<()> {
    some(f)?;
    a.code = Some(f.r.i16()?);
    Some(())
}

fn partition(a: &mut Answer<'_>, f: &mut Fields<'_>, by_number: bool) -> Option<()> {
    some(f)?;
    a.topic = f.topic(by_number)?;
    some(f)?;
    a.partition = Some(f.r.i32()?);
    Some(())
}

fn topics(a: &mut Answer<'_>, f: &mut Fields<'_>, by_number: bool) -> Option<()> {
    partition(a, f, by_number)?;
    a.code = Some(f.r.i16()?);
    Some(())
}

fn own<'a>(a: &mut Answer<'a>, f: &mut Fields<'a>, key: i16, version: i16) -> Option<()> {
    match key {
        api::PRODUCE => {
            topics(a, f, version >= 13)?;
            a.offset = Some(f.r.i64()?);
        }
        api::FETCH => fetch(a, f, version)?,
        api::LIST_OFFSETS => {
            topics(a, f, false)?;
            if version >= 1 {
                f.skip(8)?;
                a.offset = Some(f.r.i64()?);
            }
        }
        api::METADATA => metadata(a, f, version)?,
        api::OFFSET_FETCH => offset_fetch(a, f, version)?,
        api::FIND_COORDINATOR => {
            if version >= 4 {
                some(f)?;
                f.text()?;
                f.skip(4)?;
                f.text()?;
                f.skip(4)?;
            }
            a.code = Some(f.r.i16()?);
            if version >= 1 {
                a.message = f.text()?;
            }
        }
        api::CREATE_TOPICS => {
            some(f)?;
            a.topic = f.name()?;
            f.skip(if version >= 7 { 16 } else { 0 })?;
            a.code = Some(f.r.i16()?);
            if version >= 1 {
                a.message = f.text()?;
            }
        }
        api::DELETE_TOPICS => {
            some(f)?;
            a.topic = f.name()?;
            f.skip(if version >= 6 { 16 } else { 0 })?;
            a.code = Some(f.r.i16()?);
        }
        api::DELETE_RECORDS => {
            partition(a, f, false)?;
            f.skip(8)?;
            a.code = Some(f.r.i16()?);
        }
        api::OFFSET_FOR_LEADER_EPOCH => {
            some(f)?;
            a.topic = f.name()?;
            each(a, f)?;
            a.partition = Some(f.r.i32()?);
        }
        api::ADD_PARTITIONS_TO_TXN if version < 4 => topics(a, f, false)?,
        api::DESCRIBE_LOG_DIRS if version < 3 => each(a, f)?,
        // Its first version does not say how it went as a whole.
        api::ELECT_LEADERS if version < 1 => {}
        api::ALTER_PARTITION_REASSIGNMENTS => {
            f.skip(if version >= 1 { 1 } else { 0 })?;
            a.code = Some(f.r.i16()?);
        }
        _ => a.code = Some(f.r.i16()?),
    }
    Some(())
}

fn fetch(a: &mut Answer<'_>, f: &mut Fields<'_>, version: i16) -> Option<()> {
    if version >= 7 {
        a.code = Some(f.r.i16()?);
        f.skip(4)?;
    }
    partition(a, f, version >= 13)?;
    let code = f.r.i16()?;
    if a.code.is_none_or(|c| c == 0) {
        a.code = Some(code);
    }
    Some(())
}

fn metadata(a: &mut Answer<'_>, f: &mut Fields<'_>, version: i16) -> Option<()> {
    for _ in 0..f.list()? {
        f.skip(4)?;
        f.text()?;
        f.skip(4)?;
        if version >= 1 {
            f.text()?;
        }
        f.tags()?;
    }
    if version >= 2 {
        f.text()?;
    }
    if version >= 1 {
        f.skip(4)?;
    }
    each(a, f)?;
    a.topic = f.name()?;
    Some(())
}

fn offset_fetch(a: &mut Answer<'_>, f: &mut Fields<'_>, version: i16) -> Option<()> {
    if version >= 8 {
        some(f)?;
        f.text()?;
    }
    let mut ahead = *f;
    if ahead.list()? == 0 {
        *f = ahead;
        if version >= 2 {
            a.code = Some(f.r.i16()?);
        }
        return Some(());
    }
    partition(a, f, version >= 10)?;
    a.offset = Some(f.r.i64()?);
    if version >= 5 {
        f.skip(4)?;
    }
    f.text()?;
    a.code = Some(f.r.i16()?);
    Some(())
}
