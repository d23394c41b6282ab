use super::MAX_INSTRUCTIONS;

/// Text that is no filter expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no filter expression: {why}")]
pub struct ExpressionError {
    /// What was given, or its beginning.
    pub(super) text: String,
    /// What libpcap says.
    pub(super) why: String,
}

/// Why there is no program for a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// It is longer than a kernel filter can be.
    #[error(
        "{endpoints} endpoints and {ports} ports to exclude and an expression of {expression} instructions make a \
         filter of {instructions} instructions, the kernel takes {MAX_INSTRUCTIONS}: exclude fewer, exclude ports \
         without addresses, or make the expression shorter (`net` for many `host`, `portrange` for many `port`)"
    )]
    TooLong {
        /// Instructions of the whole.
        instructions: usize,
        /// Those of the expression.
        expression: usize,
        /// Endpoints to exclude.
        endpoints: usize,
        /// Ports to exclude.
        ports: usize,
    },
    /// The expression asks for what such links do not have.
    #[error("the expression cannot be used on this kind of link ({link}): {why}")]
    NotForLink {
        /// What packets begin with.
        link: &'static str,
        /// What libpcap says.
        why: String,
    },
}
