use super::{message, pick, size, words};
use crate::capture_maker::planned::{L7, Said, Status};
use crate::capture_maker::round::Message;
use fastrand::Rng;

/// 4.1 protocol, with database, secure connection, named authentication.
const CAPABILITIES: u32 = 0x0008_8208 | 1;
const AUTOCOMMIT: [u8; 2] = [2, 0];
const PLUGIN: &[u8] = b"mysql_native_password\0";

/// A session of the MySQL client/server protocol.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::capture_maker) struct Mysql {
    logged_in: bool,
}

/// One packet: length, number, body.
fn packet(text: &mut Vec<u8>, number: u8, body: &[u8]) {
    let [a, b, c, _] = (body.len() as u32).to_le_bytes();
    text.extend_from_slice(&[a, b, c, number]);
    text.extend_from_slice(body);
}

/// A length-encoded string.
fn string(body: &mut Vec<u8>, value: &[u8]) {
    match value.len() {
        n @ ..251 => body.push(n as u8),
        n => {
            body.push(0xfc);
            body.extend_from_slice(&(n as u16).to_le_bytes());
        }
    }
    body.extend_from_slice(value);
}

/// Random bytes without a zero.
fn salt(rng: &mut Rng, body: &mut Vec<u8>, bytes: usize) {
    body.extend((0..bytes).map(|_| rng.u8(1..=127)));
}

/// The server's first packet.
pub(super) fn greeting(text: &mut Vec<u8>, rng: &mut Rng) -> Message {
    let mut b = b"\x0a8.0.36\0".to_vec();
    b.extend_from_slice(&rng.u32(1..100_000).to_le_bytes());
    salt(rng, &mut b, 8);
    let [c0, c1, c2, c3] = CAPABILITIES.to_le_bytes();
    b.extend_from_slice(&[0, c0, c1, 45, 2, 0, c2, c3, 21]);
    b.extend_from_slice(&[0; 10]);
    salt(rng, &mut b, 12);
    b.push(0);
    b.extend_from_slice(PLUGIN);
    message(text, None, |t| packet(t, 0, &b))
}

/// COM_QUIT: the server closes the connection and says nothing.
pub(super) fn quit(text: &mut Vec<u8>) -> Message {
    message(text, Said::Session(L7::Mysql), |t| packet(t, 0, &[1]))
}

impl Mysql {
    pub(super) fn next(&mut self, text: &mut Vec<u8>, rng: &mut Rng) -> [Message; 2] {
        if !self.logged_in {
            self.logged_in = true;
            return login(text, rng);
        }
        let id = rng.u32(..100_000);
        let (select, sql) = match rng.u8(..10) {
            0..7 => (true, format!("SELECT id, note FROM items WHERE id = {id}")),
            7 => (
                false,
                format!("UPDATE items SET stock = stock - 1 WHERE id = {id}"),
            ),
            8 => (
                false,
                format!("INSERT INTO orders (item, amount) VALUES ({id}, 2)"),
            ),
            _ => (false, format!("DELETE FROM baskets WHERE id = {id}")),
        };
        let request = message(text, Said::Request(L7::Mysql), |t| {
            let mut b = vec![3];
            b.extend_from_slice(sql.as_bytes());
            packet(t, 0, &b);
        });
        // Server errors have numbers from 1000 on, errors of the client library from 2000 on.
        let error = pick(
            rng,
            &[
                (970, None),
                (20, Some((1213_u16, "40001", "Deadlock found"))),
                (
                    10,
                    Some((1064, "42000", "You have an error in your SQL syntax")),
                ),
            ],
            None,
        );
        let status = match error {
            Some(_) => Status::ServerError,
            None => Status::Ok,
        };
        let response = message(text, Said::Response(L7::Mysql, status), |t| match error {
            Some((code, state, what)) => {
                let mut b = vec![0xff];
                b.extend_from_slice(&code.to_le_bytes());
                b.extend_from_slice(format!("#{state}{what}").as_bytes());
                packet(t, 1, &b);
            }
            None if select => rows(t, rng, id),
            None => packet(t, 1, &[0, 1, 0, AUTOCOMMIT[0], AUTOCOMMIT[1], 0, 0]),
        });
        [request, response]
    }
}

fn login(text: &mut Vec<u8>, rng: &mut Rng) -> [Message; 2] {
    let mut b = CAPABILITIES.to_le_bytes().to_vec();
    b.extend_from_slice(&(1_u32 << 24).to_le_bytes());
    b.push(45);
    b.extend_from_slice(&[0; 23]);
    b.extend_from_slice(b"shop\0\x14");
    salt(rng, &mut b, 20);
    b.extend_from_slice(b"shop\0");
    b.extend_from_slice(PLUGIN);
    let request = message(text, Said::Request(L7::Mysql), |t| packet(t, 1, &b));
    let said = Said::Response(L7::Mysql, Status::Ok);
    let ok = [0, 0, 0, AUTOCOMMIT[0], AUTOCOMMIT[1], 0, 0];
    [request, message(text, said, |t| packet(t, 2, &ok))]
}

/// A text result set of two columns, with the EOF packets of servers that were not asked to leave them out.
fn rows(text: &mut Vec<u8>, rng: &mut Rng, id: u32) {
    const EOF: [u8; 5] = [0xfe, 0, 0, 2, 0];
    packet(text, 1, &[2]);
    for (number, (name, kind)) in [("id", 3_u8), ("note", 0xfd)].into_iter().enumerate() {
        let mut b = vec![];
        for s in ["def", "shop", "items", "items", name, name] {
            string(&mut b, s.as_bytes());
        }
        b.extend_from_slice(&[0x0c, 45, 0, 255, 0, 0, 0, kind, 0, 0, 0, 0, 0]);
        packet(text, 2 + number as u8, &b);
    }
    packet(text, 4, &EOF);
    let n = pick(rng, &[(70, 1_u8), (25, 12), (5, 60)], 1);
    for row in 0..n {
        let mut b = vec![];
        string(&mut b, (id + u32::from(row)).to_string().as_bytes());
        let bytes = size(rng, 10, 240) as usize;
        string(&mut b, words(rng, bytes).as_bytes());
        packet(text, 5 + row, &b);
    }
    packet(text, 5 + n, &EOF);
}
