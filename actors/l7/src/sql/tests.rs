use super::*;
use Dialect::{MySql, PostgreSql};
use messages::TraceContext;
use proptest::prelude::*;

fn settings(obfuscate: bool) -> Settings {
    Settings {
        obfuscate,
        ..Settings::default()
    }
}

fn masked(sql: &str, dialect: Dialect) -> String {
    Statement::read(sql.to_owned(), dialect, &settings(true)).text
}

fn endpoint(sql: &str) -> String {
    Statement::read(sql.to_owned(), MySql, &settings(false)).endpoint
}

fn trace(sql: &str) -> TraceContext {
    let s = Statement::read(sql.to_owned(), MySql, &settings(false));
    let mut m = L7Message::default();
    s.tell(&mut m);
    m.trace.map(|t| *t).unwrap_or_default()
}

#[test]
fn values_of_mysql_are_masked_and_names_kept() {
    for (sql, want) in [
        (
            "select * from `t1` where a = 'x''y\\'z' and b=\"q\"",
            "select * from `t1` where a = ? and b=?",
        ),
        (
            "insert into t2(a) values (1, -2.5e+3, .5, 0x1F)",
            "insert into t2(a) values (?, -?, ?, ?)",
        ),
        (
            "select x'4d', b'01', N'n', _utf8'u', 0b11",
            "select ?, ?, ?, _utf8?, ?",
        ),
        (
            "select a1, t.b2, @v3, @@x4, 2024_sales from d.t where a=? limit 10",
            "select a1, t.b2, @v3, @@x4, 2024_sales from d.t where a=? limit ?",
        ),
        ("select 1--1", "select ?--?"),
        ("select 'unterminated \\", "select ?"),
        ("/*!40101 set @a='s' */", "/*!40101 set @a=? */"),
        ("/*M!100 set @a='s' */", "/*M!100 set @a=? */"),
        (
            "select /* kept 1 'x' */ 2 # end 3",
            "select /* kept 1 'x' */ ? # end 3",
        ),
        ("select 'ü' as größe", "select ? as größe"),
    ] {
        assert_eq!(masked(sql, MySql), want);
    }
}

#[test]
fn values_of_postgresql_are_masked_and_names_kept() {
    for (sql, want) in [
        (
            "select \"Na\"\"me1\", $1 from t where a='b\\' and c='d'",
            "select \"Na\"\"me1\", $1 from t where a=? and c=?",
        ),
        (
            "select E'a\\'b', U&'\\0061', B'01', X'ff', n'x'",
            "select ?, ?, ?, ?, ?",
        ),
        ("select $$a'b$c$$, $x$ $$ $x$, $2", "select ?, ?, $2"),
        ("select $x$ never ends $y$", "select ?"),
        (
            "select 1 /* a /* b '2' */ 3 */ + 4",
            "select ? /* a /* b '2' */ 3 */ + ?",
        ),
        (
            "select 5::int, '{1}'::int[], a.b[3] --6",
            "select ?::int, ?::int[], a.b[?] --6",
        ),
        (
            "select 1_000.5, U&\"d1\" from t",
            "select ?, U&\"d1\" from t",
        ),
    ] {
        assert_eq!(masked(sql, PostgreSql), want);
    }
}

#[test]
fn without_masking_the_text_stays_as_it_was() {
    let sql = "select 'a', 1 /* c */";
    assert_eq!(
        Statement::read(sql.to_owned(), MySql, &settings(false)).text,
        sql
    );
}

#[test]
fn an_endpoint_is_a_verb_and_its_table() {
    for (sql, want) in [
        ("select * from test_table", "SELECT test_table"),
        ("SELECT * FROM `a b`.`c` WHERE x=1", "SELECT a b.c"),
        (
            "select extract(year from d), (select max(x) from u) from t",
            "SELECT t",
        ),
        ("select * from (select a from inner_t) x", "SELECT inner_t"),
        ("(select a from t) union (select b from u)", "SELECT t"),
        ("select @@version_comment limit 1", "SELECT"),
        ("insert into tmp (id) values (1)", "INSERT tmp"),
        ("insert ignore tmp values (1)", "INSERT tmp"),
        ("replace into s.t select 1", "REPLACE s.t"),
        ("delete from test_table  where id=1", "DELETE test_table"),
        ("update low_priority ignore t set a=1", "UPDATE t"),
        (
            "with a as (select 1 from b) insert into c select * from a",
            "INSERT c",
        ),
        ("load data local infile 'f' into table t", "LOAD t"),
        (
            "create temporary table if not exists t (a int)",
            "CREATE TABLE t",
        ),
        ("drop index i on t", "DROP INDEX i"),
        ("truncate table t", "TRUNCATE t"),
        ("call p(1)", "CALL p"),
        ("copy t from stdin", "COPY t"),
        ("/* c */ -- d\n set names utf8", "SET"),
        ("rollback", "ROLLBACK"),
        ("explain delete from t", "EXPLAIN"),
        ("select 1; delete from t", "SELECT"),
        ("nonsense from t", ""),
        ("", ""),
    ] {
        assert_eq!(endpoint(sql), want, "{sql}");
    }
    let long = format!("select 1 from {}", "ü".repeat(1000));
    assert!(endpoint(&long).len() <= 264);
}

#[test]
fn what_changes_rows_is_known() {
    for (sql, want) in [
        ("insert into t values (1)", true),
        ("with a as (select 1) delete from t", true),
        ("select 1", false),
        ("set a=1", false),
        ("explain update t set a=1", false),
    ] {
        let s = Statement::read(sql.to_owned(), PostgreSql, &settings(false));
        assert_eq!(s.is_write, want, "{sql}");
    }
}

#[test]
fn comments_name_traces() {
    let (id, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let value = format!("00-{id}-{span}-01");
    for sql in [
        format!("/* traceparent: {value} */ select 1"),
        format!("/*traceparent: {value}*/ select 1"),
        format!("select 1 /*db='x',traceparent='{value}',route='%2Fa'*/"),
        format!("select 1 /* traceparent=%30%30-{id}-{span}-01 */"),
        format!("select 1 -- traceparent: {value}\n"),
        format!("select 1 # a; traceparent=\"{value}\""),
    ] {
        let t = trace(&sql);
        assert_eq!(
            (t.trace_ids, t.span_id.as_str()),
            (vec![id.to_owned()], span),
            "{sql}"
        );
    }
    let t = trace("select 1 /* uber-trace-id: abc:def:0:1, x-request-id: r */");
    assert_eq!(
        (t.trace_ids, t.x_request_id.as_str()),
        (vec!["abc".to_owned()], "r")
    );
    assert_eq!(
        trace("select '/* traceparent: 00-a-b-01 */'"),
        TraceContext::default()
    );
    assert_eq!(
        trace("/* traceparent */ /*traceparent=*/ select 1"),
        TraceContext::default()
    );
}

#[test]
fn statements_are_told_from_other_text() {
    for good in ["SELECT 1", " \n(select 1)", "/* c */ begin", "insert"] {
        assert!(begins_statement(good.as_bytes()), "{good}");
    }
    for bad in [
        &b"GET / HTTP/1.1"[..],
        b"",
        b"SELECTED",
        b"\x00select",
        b"'select'",
        b"EHLO x",
    ] {
        assert!(!begins_statement(bad), "{bad:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn tokens_are_the_whole_text(sql in ".{0,200}", pg in any::<bool>()) {
        let dialect = if pg { PostgreSql } else { MySql };
        let all: String = Tokens::new(&sql, dialect).map(|(_, part)| part).collect();
        prop_assert_eq!(&all, &sql);
        Statement::read(sql, dialect, &settings(true));
    }

    #[test]
    fn no_secret_survives_wherever_the_text_is_cut(cut in 0_usize..90, pg in any::<bool>()) {
        let sql = "insert into t (a) values ('secret', 'it''s secret', 'secret', 5) /* c */ , ('secret')";
        let dialect = if pg { PostgreSql } else { MySql };
        let text = sql.get(..cut.min(sql.len())).unwrap_or_default();
        prop_assert!(!masked(text, dialect).contains("sec"));
    }
}
