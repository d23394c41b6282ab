//! The commands of Redis, and which of their arguments are keys or words of the protocol, not values.

/// Which arguments may be shown where values are hidden; the command's name is not an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// None of them: there may be a password.
    Nothing,
    /// So many first ones.
    First(u8),
    /// All: they are keys, names and options.
    All,
    /// All but the last, which is a value.
    AllButLast,
    /// Every second, from the first on: key, value, key, value...
    Odd,
    /// A key, then field, value, field, value...
    Fields,
    /// The argument at this place (from 0) is the number of keys that follow; `true`: those before it, too.
    Counted(u8, bool),
}

use Shown::{All, AllButLast, Counted, Fields, First, Nothing, Odd};

/// Upper case, sorted.
const COMMANDS: &[(&str, Shown)] = &[
    ("ACL", First(1)),
    ("APPEND", First(1)),
    ("ASKING", All),
    ("AUTH", Nothing),
    ("BF.ADD", First(1)),
    ("BF.EXISTS", First(1)),
    ("BF.INFO", All),
    ("BF.MADD", First(1)),
    ("BF.MEXISTS", First(1)),
    ("BF.RESERVE", All),
    ("BGREWRITEAOF", All),
    ("BGSAVE", All),
    ("BITCOUNT", All),
    ("BITFIELD", First(1)),
    ("BITFIELD_RO", First(1)),
    ("BITOP", All),
    ("BITPOS", First(1)),
    ("BLMOVE", All),
    ("BLMPOP", Counted(1, true)),
    ("BLPOP", All),
    ("BRPOP", All),
    ("BRPOPLPUSH", All),
    ("BZMPOP", Counted(1, true)),
    ("BZPOPMAX", All),
    ("BZPOPMIN", All),
    ("CF.ADD", First(1)),
    ("CF.DEL", First(1)),
    ("CF.EXISTS", First(1)),
    ("CF.RESERVE", All),
    ("CLIENT", First(1)),
    ("CLUSTER", All),
    ("CMS.INCRBY", First(1)),
    ("CMS.QUERY", First(1)),
    ("COMMAND", All),
    ("CONFIG", First(2)),
    ("COPY", All),
    ("DBSIZE", All),
    ("DEBUG", First(1)),
    ("DECR", All),
    ("DECRBY", First(1)),
    ("DEL", All),
    ("DISCARD", All),
    ("DUMP", All),
    ("ECHO", Nothing),
    ("EVAL", Counted(1, false)),
    ("EVALSHA", Counted(1, true)),
    ("EVALSHA_RO", Counted(1, true)),
    ("EVAL_RO", Counted(1, false)),
    ("EXEC", All),
    ("EXISTS", All),
    ("EXPIRE", All),
    ("EXPIREAT", All),
    ("EXPIRETIME", All),
    ("FAILOVER", All),
    ("FCALL", Counted(1, true)),
    ("FCALL_RO", Counted(1, true)),
    ("FLUSHALL", All),
    ("FLUSHDB", All),
    ("FT.AGGREGATE", First(1)),
    ("FT.CREATE", All),
    ("FT.DROPINDEX", All),
    ("FT.INFO", All),
    ("FT.SEARCH", First(1)),
    ("FT._LIST", All),
    ("FUNCTION", First(1)),
    ("GEOADD", First(1)),
    ("GEODIST", First(1)),
    ("GEOHASH", First(1)),
    ("GEOPOS", First(1)),
    ("GEORADIUS", First(1)),
    ("GEORADIUSBYMEMBER", First(1)),
    ("GEORADIUSBYMEMBER_RO", First(1)),
    ("GEORADIUS_RO", First(1)),
    ("GEOSEARCH", First(1)),
    ("GEOSEARCHSTORE", First(2)),
    ("GET", All),
    ("GETBIT", All),
    ("GETDEL", All),
    ("GETEX", All),
    ("GETRANGE", All),
    ("GETSET", First(1)),
    ("GRAPH.QUERY", First(1)),
    ("HDEL", All),
    ("HELLO", First(1)),
    ("HEXISTS", All),
    ("HEXPIRE", All),
    ("HEXPIREAT", All),
    ("HEXPIRETIME", All),
    ("HGET", All),
    ("HGETALL", All),
    ("HGETDEL", All),
    ("HGETEX", All),
    ("HINCRBY", First(2)),
    ("HINCRBYFLOAT", First(2)),
    ("HKEYS", All),
    ("HLEN", All),
    ("HMGET", All),
    ("HMSET", Fields),
    ("HPERSIST", All),
    ("HPEXPIRE", All),
    ("HPEXPIREAT", All),
    ("HPEXPIRETIME", All),
    ("HPTTL", All),
    ("HRANDFIELD", All),
    ("HSCAN", First(2)),
    ("HSET", Fields),
    ("HSETEX", First(1)),
    ("HSETNX", First(2)),
    ("HSTRLEN", All),
    ("HTTL", All),
    ("HVALS", All),
    ("INCR", All),
    ("INCRBY", First(1)),
    ("INCRBYFLOAT", First(1)),
    ("INFO", All),
    ("JSON.ARRAPPEND", First(2)),
    ("JSON.ARRLEN", All),
    ("JSON.DEL", All),
    ("JSON.GET", All),
    ("JSON.MGET", All),
    ("JSON.NUMINCRBY", First(2)),
    ("JSON.OBJKEYS", All),
    ("JSON.SET", First(2)),
    ("JSON.TYPE", All),
    ("KEYS", All),
    ("LASTSAVE", All),
    ("LATENCY", All),
    ("LCS", All),
    ("LINDEX", All),
    ("LINSERT", First(2)),
    ("LLEN", All),
    ("LMOVE", All),
    ("LMPOP", Counted(0, true)),
    ("LOLWUT", All),
    ("LPOP", All),
    ("LPOS", First(1)),
    ("LPUSH", First(1)),
    ("LPUSHX", First(1)),
    ("LRANGE", All),
    ("LREM", First(2)),
    ("LSET", First(2)),
    ("LTRIM", All),
    ("MEMORY", All),
    ("MGET", All),
    ("MIGRATE", First(3)),
    ("MODULE", First(2)),
    ("MONITOR", All),
    ("MOVE", All),
    ("MSET", Odd),
    ("MSETNX", Odd),
    ("MULTI", All),
    ("OBJECT", All),
    ("PERSIST", All),
    ("PEXPIRE", All),
    ("PEXPIREAT", All),
    ("PEXPIRETIME", All),
    ("PFADD", First(1)),
    ("PFCOUNT", All),
    ("PFDEBUG", First(2)),
    ("PFMERGE", All),
    ("PFSELFTEST", All),
    ("PING", Nothing),
    ("PSETEX", First(2)),
    ("PSUBSCRIBE", All),
    ("PSYNC", All),
    ("PTTL", All),
    ("PUBLISH", First(1)),
    ("PUBSUB", All),
    ("PUNSUBSCRIBE", All),
    ("QUIT", All),
    ("RANDOMKEY", All),
    ("READONLY", All),
    ("READWRITE", All),
    ("RENAME", All),
    ("RENAMENX", All),
    ("REPLCONF", All),
    ("REPLICAOF", All),
    ("RESET", All),
    ("RESTORE", First(2)),
    ("RESTORE-ASKING", First(2)),
    ("ROLE", All),
    ("RPOP", All),
    ("RPOPLPUSH", All),
    ("RPUSH", First(1)),
    ("RPUSHX", First(1)),
    ("SADD", First(1)),
    ("SAVE", All),
    ("SCAN", First(1)),
    ("SCARD", All),
    ("SCRIPT", First(1)),
    ("SDIFF", All),
    ("SDIFFSTORE", All),
    ("SELECT", All),
    ("SENTINEL", First(2)),
    ("SET", First(1)),
    ("SETBIT", First(2)),
    ("SETEX", First(2)),
    ("SETNX", First(1)),
    ("SETRANGE", First(2)),
    ("SHUTDOWN", All),
    ("SINTER", All),
    ("SINTERCARD", All),
    ("SINTERSTORE", All),
    ("SISMEMBER", First(1)),
    ("SLAVEOF", All),
    ("SLOWLOG", All),
    ("SMEMBERS", All),
    ("SMISMEMBER", First(1)),
    ("SMOVE", AllButLast),
    ("SORT", First(1)),
    ("SORT_RO", First(1)),
    ("SPOP", All),
    ("SPUBLISH", First(1)),
    ("SRANDMEMBER", All),
    ("SREM", First(1)),
    ("SSCAN", First(2)),
    ("SSUBSCRIBE", All),
    ("STRLEN", All),
    ("SUBSCRIBE", All),
    ("SUBSTR", All),
    ("SUNION", All),
    ("SUNIONSTORE", All),
    ("SUNSUBSCRIBE", All),
    ("SWAPDB", All),
    ("SYNC", All),
    ("TDIGEST.ADD", First(1)),
    ("TIME", All),
    ("TOPK.ADD", First(1)),
    ("TOUCH", All),
    ("TS.ADD", First(2)),
    ("TS.CREATE", All),
    ("TS.GET", All),
    ("TS.INCRBY", First(1)),
    ("TS.MADD", First(1)),
    ("TS.MGET", All),
    ("TS.MRANGE", All),
    ("TS.RANGE", All),
    ("TTL", All),
    ("TYPE", All),
    ("UNLINK", All),
    ("UNSUBSCRIBE", All),
    ("UNWATCH", All),
    ("VADD", First(1)),
    ("VSIM", First(1)),
    ("WAIT", All),
    ("WAITAOF", All),
    ("WATCH", All),
    ("XACK", All),
    ("XADD", First(1)),
    ("XAUTOCLAIM", All),
    ("XCLAIM", All),
    ("XDEL", All),
    ("XGROUP", All),
    ("XINFO", All),
    ("XLEN", All),
    ("XPENDING", All),
    ("XRANGE", All),
    ("XREAD", All),
    ("XREADGROUP", All),
    ("XREVRANGE", All),
    ("XSETID", All),
    ("XTRIM", All),
    ("ZADD", First(1)),
    ("ZCARD", All),
    ("ZCOUNT", First(1)),
    ("ZDIFF", All),
    ("ZDIFFSTORE", All),
    ("ZINCRBY", First(1)),
    ("ZINTER", All),
    ("ZINTERCARD", All),
    ("ZINTERSTORE", All),
    ("ZLEXCOUNT", First(1)),
    ("ZMPOP", All),
    ("ZMSCORE", First(1)),
    ("ZPOPMAX", All),
    ("ZPOPMIN", All),
    ("ZRANDMEMBER", All),
    ("ZRANGE", First(1)),
    ("ZRANGEBYLEX", First(1)),
    ("ZRANGEBYSCORE", First(1)),
    ("ZRANGESTORE", First(2)),
    ("ZRANK", First(1)),
    ("ZREM", First(1)),
    ("ZREMRANGEBYLEX", First(1)),
    ("ZREMRANGEBYRANK", First(1)),
    ("ZREMRANGEBYSCORE", First(1)),
    ("ZREVRANGE", First(1)),
    ("ZREVRANGEBYLEX", First(1)),
    ("ZREVRANGEBYSCORE", First(1)),
    ("ZREVRANK", First(1)),
    ("ZSCAN", First(2)),
    ("ZSCORE", First(1)),
    ("ZUNION", All),
    ("ZUNIONSTORE", All),
];

/// The longest name that is looked for.
const MOST_NAME: usize = 24;

/// Where the commands of each first letter begin, and where the last end.
static LETTERS: [usize; 27] = letters();

#[allow(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which refuses what is out of bounds"
)]
const fn letters() -> [usize; 27] {
    let mut begin = [COMMANDS.len(); 27];
    let mut i = COMMANDS.len();
    while i > 0 {
        i -= 1;
        begin[(COMMANDS[i].0.as_bytes()[0] - b'A') as usize] = i;
    }
    // Those of a letter that no command has are none.
    let mut letter = 26;
    while letter > 0 {
        letter -= 1;
        if begin[letter] > begin[letter + 1] {
            begin[letter] = begin[letter + 1];
        }
    }
    begin
}

/// The command of this name, in any case.
pub(super) fn find(name: &[u8]) -> Option<(&'static str, Shown)> {
    let letter = name.first()?.to_ascii_uppercase().checked_sub(b'A')?;
    let [from, to] = *LETTERS.get(usize::from(letter)..)?.first_chunk()?;
    let same = |(known, _): &&(&str, Shown)| {
        known.len() == name.len()
            && (known.as_bytes() == name || known.as_bytes().eq_ignore_ascii_case(name))
    };
    COMMANDS.get(from..to)?.iter().find(same).copied()
}

/// It looks like the name of a command, perhaps of one that is not known here.
pub(super) fn may_be_name(name: &[u8]) -> bool {
    (2..=MOST_NAME * 2).contains(&name.len())
        && name.first().is_some_and(u8::is_ascii_alphabetic)
        && name
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'|'))
}

impl Shown {
    /// Argument `i` (from 0) of `of` may be shown; `keys` is what the argument at [`Shown::Counted`]'s place said.
    pub(super) fn shows(self, i: u64, of: u64, keys: u64) -> bool {
        match self {
            Nothing => false,
            All => true,
            First(n) => i < u64::from(n),
            AllButLast => i + 1 < of,
            Odd => i.is_multiple_of(2),
            Fields => i == 0 || i % 2 == 1,
            Counted(at, before) => {
                let at = u64::from(at);
                i == at || (i < at && before) || (i > at && i - at <= keys)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_any_case() {
        assert!(COMMANDS.is_sorted_by(|(a, _), (b, _)| a < b));
        for (name, _) in COMMANDS {
            assert_eq!(find(name.as_bytes()).unwrap().0, *name);
            assert_eq!(find(name.to_lowercase().as_bytes()).unwrap().0, *name);
            assert!(may_be_name(name.as_bytes()));
        }
        for name in [
            &b""[..],
            b"HELO",
            b"GE",
            b"GETT",
            &[b'A'; 100],
            b"\xff",
            b"[",
            b"@",
            b"1",
            b"YET",
        ] {
            assert_eq!(find(name), None);
        }
    }

    #[test]
    fn values_are_told_from_keys() {
        let of = |name: &str, n: u64, keys: u64| {
            let shown = find(name.as_bytes()).unwrap().1;
            (0..n)
                .map(|i| if shown.shows(i, n, keys) { 'k' } else { '?' })
                .collect::<String>()
        };
        for (name, keys, want) in [
            ("SET", 0, "k??"),
            ("MGET", 0, "kkk"),
            ("MSET", 0, "k?k?"),
            ("HSET", 0, "kk?k?"),
            ("AUTH", 0, "??"),
            ("SMOVE", 0, "kk?"),
            ("SETEX", 0, "kk?"),
            ("EVAL", 2, "?kkk??"),
            ("EVALSHA", 1, "kkk?"),
        ] {
            assert_eq!(of(name, want.len() as u64, keys), want, "{name}");
        }
    }
}
