/// Which role the observed end has in a flow: the low three bits of an observation point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Direction {
    Client = 1,
    Server = 2,
    Local = 4,
}

/// Where on the way the packet was seen: the high bits of an observation point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say it")]
pub enum SideType {
    #[default]
    Plain = 0,
    Node = 1,
    Hypervisor = 2,
    GatewayHypervisor = 3,
    Gateway = 4,
    Process = 5,
    App = 6,
}

/// Where a flow was observed, as the wire's `tap_side` number: direction bits | side type << 3; 0 = rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct ObservationPoint(pub u8);

impl ObservationPoint {
    /// Seen neither at the client nor at the server.
    pub const REST: Self = Self(0);
    /// At the client's own interface.
    pub const CLIENT: Self = Self::new(Direction::Client, SideType::Plain);
    /// At the server's own interface.
    pub const SERVER: Self = Self::new(Direction::Server, SideType::Plain);
    /// Both ends on this host.
    pub const LOCAL: Self = Self::new(Direction::Local, SideType::Plain);

    /// From its parts.
    #[must_use]
    pub const fn new(d: Direction, t: SideType) -> Self {
        Self(d as u8 | (t as u8) << 3)
    }

    /// The role of the observed end; `None` for `rest` and for numbers that name none.
    #[must_use]
    pub const fn direction(self) -> Option<Direction> {
        match self.0 & 7 {
            1 => Some(Direction::Client),
            2 => Some(Direction::Server),
            4 => Some(Direction::Local),
            _ => None,
        }
    }

    /// The same place where client and server change their roles.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self.0 & 7 {
            1 | 2 => Self(self.0 ^ 3),
            _ => self,
        }
    }

    /// The name in the tables: `c`, `s`, `local`, `c-nd`, ...; numbers that name none are `rest`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            1 => "c",
            2 => "s",
            4 => "local",
            9 => "c-nd",
            10 => "s-nd",
            17 => "c-hv",
            18 => "s-hv",
            25 => "c-gw-hv",
            26 => "s-gw-hv",
            33 => "c-gw",
            34 => "s-gw",
            41 => "c-p",
            42 => "s-p",
            48 => "app",
            49 => "c-app",
            50 => "s-app",
            _ => "rest",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_agree() {
        assert_eq!(
            ObservationPoint::new(Direction::Client, SideType::Node).name(),
            "c-nd"
        );
        assert_eq!(
            ObservationPoint::new(Direction::Server, SideType::App).name(),
            "s-app"
        );
        assert_eq!(ObservationPoint::LOCAL.name(), "local");
        assert_eq!(ObservationPoint::REST.direction(), None);
        assert_eq!(ObservationPoint(10).direction(), Some(Direction::Server));
    }

    #[test]
    fn reversed_is_the_other_role_at_the_same_place() {
        let name = |n: u8| ObservationPoint(n).reversed().name();
        for (n, want) in [
            (1, "s"),
            (2, "c"),
            (9, "s-nd"),
            (26, "c-gw-hv"),
            (49, "s-app"),
        ] {
            assert_eq!(name(n), want);
        }
        for same in [
            ObservationPoint::REST,
            ObservationPoint::LOCAL,
            ObservationPoint(48),
            ObservationPoint(3),
        ] {
            assert_eq!(same.reversed(), same);
        }
        for n in 0..=u8::MAX {
            assert_eq!(ObservationPoint(n).reversed().reversed().0, n);
        }
    }
}
