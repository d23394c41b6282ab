use super::answer::{begins_answer, is_error, is_result};
use super::command::Command;
use super::compressed::{self, Look, look};
use super::login::{Greeting, Login, is_ssl_request};
use super::packet::Packet;
use crate::{Probe, Verdict};
use messages::Side;

/// Tells MySQL by its greeting, a login, a statement or the first packets of an answer; other commands and answers are
/// too short to be sure of.
pub(super) fn probe(p: &Probe<'_>) -> Verdict {
    let Some(packet) = Packet::read(p.data) else {
        // Three bytes of length, then 0 to 2.
        return if p.data.get(2).is_none_or(|b| *b < 0x10) {
            Verdict::More
        } else {
            Verdict::No
        };
    };
    if packet.len == 0 || packet.sequence > 2 {
        return Verdict::No;
    }
    if packet.payload.is_empty() {
        return Verdict::More;
    }
    if Greeting::read(&packet).is_some() {
        return Verdict::Yes(Side::Server);
    }
    if Login::fits(&packet) || is_ssl_request(&packet) {
        return Verdict::Yes(Side::Client);
    }
    if Command::is_statement(&packet) || compressed::is_statement(p.data) {
        return Verdict::Yes(Side::Client);
    }
    if is_error(&packet) || is_result(p.data) {
        return Verdict::Yes(Side::Server);
    }
    for side in [Side::Client, Side::Server] {
        if look(side, p.data) == Look::Yes {
            return Verdict::Maybe(side);
        }
    }
    // Only whole packets: their lengths must be true.
    if packet.is_whole() && Command::begins(p.data) {
        return Verdict::Maybe(Side::Client);
    }
    if packet.is_whole() && begins_answer(p.data) {
        return Verdict::Maybe(Side::Server);
    }
    let is_greeting = packet.sequence == 0
        && packet.len < 256
        && packet.payload.first() == Some(&10)
        && packet.payload.get(1).is_none_or(u8::is_ascii_digit);
    let goes_on = matches!(packet.sequence, 0 | 1) && packet.payload.len() < 5 || is_greeting;
    if goes_on && !packet.is_whole() {
        Verdict::More
    } else {
        Verdict::No
    }
}
