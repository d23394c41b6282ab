//! The operations of the wire protocol, by their numbers.

pub(super) const REPLY: i32 = 1;
pub(super) const UPDATE: i32 = 2001;
pub(super) const INSERT: i32 = 2002;
pub(super) const QUERY: i32 = 2004;
pub(super) const GET_MORE: i32 = 2005;
pub(super) const DELETE: i32 = 2006;
pub(super) const KILL_CURSORS: i32 = 2007;
pub(super) const COMMAND: i32 = 2010;
pub(super) const COMMAND_REPLY: i32 = 2011;
pub(super) const COMPRESSED: i32 = 2012;
pub(super) const MSG: i32 = 2013;

/// The name of an operation; `None` where there is none of this number.
pub(super) const fn name(opcode: i32) -> Option<&'static str> {
    Some(match opcode {
        REPLY => "OP_REPLY",
        UPDATE => "OP_UPDATE",
        INSERT => "OP_INSERT",
        QUERY => "OP_QUERY",
        GET_MORE => "OP_GET_MORE",
        DELETE => "OP_DELETE",
        KILL_CURSORS => "OP_KILL_CURSORS",
        COMMAND => "OP_COMMAND",
        COMMAND_REPLY => "OP_COMMANDREPLY",
        COMPRESSED => "OP_COMPRESSED",
        MSG => "OP_MSG",
        _ => return None,
    })
}
