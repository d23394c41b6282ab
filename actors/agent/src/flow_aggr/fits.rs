/// Adds up numbers in little room; whether all of them had enough is asked once, at the end.
#[derive(Default)]
pub(super) struct Fits {
    over: u64,
}

impl Fits {
    #[inline]
    pub(super) const fn u32(&mut self, a: u32, more: u64) -> u32 {
        let sum = more.saturating_add(a as u64);
        self.over |= sum >> 32;
        sum as u32
    }

    #[inline]
    pub(super) const fn u16(&mut self, a: u16, more: u32) -> u16 {
        let sum = a as u64 + more as u64;
        self.over |= sum >> 16;
        sum as u16
    }

    #[inline]
    pub(super) const fn u8(&mut self, a: u8, more: u32) -> u8 {
        let sum = a as u64 + more as u64;
        self.over |= sum >> 8;
        sum as u8
    }

    /// What must not be.
    #[inline]
    pub(super) const fn none_of(&mut self, is_so: bool) {
        self.over |= is_so as u64;
    }

    /// There was room for everything.
    #[inline]
    pub(super) const fn all(&self) -> bool {
        self.over == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_remembered() {
        let mut f = Fits::default();
        assert_eq!(f.u32(1, u64::from(u32::MAX) - 1), u32::MAX);
        assert_eq!(f.u16(u16::MAX, 0), u16::MAX);
        assert_eq!(f.u8(200, 55), 255);
        f.none_of(false);
        assert!(f.all());
        let too_large: [fn(&mut Fits); 5] = [
            |f| _ = f.u32(1, u64::from(u32::MAX)),
            |f| _ = f.u32(1, u64::MAX),
            |f| _ = f.u16(1, 65_535),
            |f| _ = f.u8(1, 255),
            |f| f.none_of(true),
        ];
        for add in too_large {
            let mut f = Fits::default();
            add(&mut f);
            f.u8(0, 0);
            assert!(!f.all());
        }
    }
}
