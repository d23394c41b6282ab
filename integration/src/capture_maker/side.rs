/// One of the two ends of a flow; in pairs the client comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

impl Side {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// This side's of a pair.
    pub(super) const fn of<T: Copy>(self, pair: [T; 2]) -> T {
        let [client, server] = pair;
        match self {
            Self::Client => client,
            Self::Server => server,
        }
    }

    /// This side's place in a pair.
    pub(super) const fn place<T>(self, pair: &mut [T; 2]) -> &mut T {
        let [client, server] = pair;
        match self {
            Self::Client => client,
            Self::Server => server,
        }
    }
}
