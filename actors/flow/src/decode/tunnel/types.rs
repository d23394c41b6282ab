use messages::TunnelType;

/// A set of tunnel types: those that are taken off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TunnelTypes(u16);

impl TunnelTypes {
    /// No tunnel at all.
    pub const NONE: Self = Self(0);

    /// Every type there is.
    #[must_use]
    pub fn all() -> Self {
        TunnelType::ALL.into_iter().collect()
    }

    /// These, and `kind`.
    #[must_use]
    pub const fn with(self, kind: TunnelType) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    /// `kind` is one of these.
    #[must_use]
    pub const fn contains(self, kind: TunnelType) -> bool {
        self.0 & 1 << kind as u8 != 0
    }
}

impl FromIterator<TunnelType> for TunnelTypes {
    fn from_iter<I: IntoIterator<Item = TunnelType>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::NONE, Self::with)
    }
}
