//! Which packets the kernel leaves out before they cost anything: our own, and those the operator does not want.
//!
//! An agent that captures the connection on which it reports makes new packets to report with every report.

mod error;
mod exclude;
mod expression;
#[cfg(test)]
mod tests;

pub use crate::bpf::{Instruction, MAX_INSTRUCTIONS};
pub use error::{ExpressionError, FilterError};
pub use exclude::Exclude;
pub use expression::Expression;

use crate::bpf::*;
use exclude::Accept;
use messages::LinkType;

const DROP: u32 = 0;
/// Stand-ins for "not excluded" until the whole program is known; no snap length is so large.
const ACCEPTED: Accept = Accept {
    ethernet: u32::MAX,
    raw: u32::MAX - 1,
};

/// What a ring leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Connections that are left out.
    pub exclude: Exclude,
    /// Of the others, what is taken; `None` = all.
    pub expression: Option<Expression>,
}

/// What a filter will be used on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// One interface, whose packets begin so: [`LinkType::Ethernet`] or [`LinkType::Raw`].
    Of(LinkType),
    /// Interfaces of every kind.
    Any,
}

impl Filter {
    /// The program for a packet socket. It keeps `snap_len` bytes of a packet, and drops what is excluded, what the
    /// expression does not take, what a loopback interface shows as sent (it shows it again as received), and links
    /// that are not known here. Exclusion comes first: an expression cannot bring our own traffic back.
    ///
    /// # Errors
    /// The program is too long for the kernel, or the expression means nothing on such a link.
    pub fn program(&self, links: Links, snap_len: u32) -> Result<Vec<Instruction>, FilterError> {
        let snap_len = snap_len.clamp(1, ACCEPTED.raw - 1);
        let mut program = self.exclude.piece(ACCEPTED).finish();
        let excluding = program.len();
        let (mut ethernet, mut raw) = (None, None);
        if let Some(expression) = &self.expression {
            if links != Links::Of(LinkType::Raw) {
                ethernet = Some(program.len());
                program.extend(expression.program(LinkType::Ethernet, snap_len)?);
            }
            if links != Links::Of(LinkType::Ethernet) {
                raw = Some(program.len());
                program.extend(expression.program(LinkType::Raw, snap_len)?);
            }
        }
        if program.len() > MAX_INSTRUCTIONS {
            return Err(FilterError::TooLong {
                instructions: program.len(),
                expression: program.len() - excluding,
                endpoints: self.exclude.endpoints.len(),
                ports: self.exclude.ports.len(),
            });
        }
        for (at, i) in program.iter_mut().enumerate().take(excluding) {
            let goes_on = match (i.code, i.k) {
                (RETURN, k) if k == ACCEPTED.ethernet => ethernet,
                (RETURN, k) if k == ACCEPTED.raw => raw,
                _ => continue,
            };
            // One instruction for one: no distance changes. Within the expression they are relative already.
            *i = match goes_on {
                Some(start) => Instruction::plain(JUMP, (start - at - 1) as u32),
                None => Instruction::plain(RETURN, snap_len),
            };
        }
        Ok(program)
    }
}
