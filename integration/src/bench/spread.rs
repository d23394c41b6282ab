/// What several runs measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spread(Vec<f64>);

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// Ratios of runs that were made side by side.
    pub(crate) fn ratio(of: &[f64], to: &[f64]) -> Self {
        Self::of(of.iter().zip(to).map(|(a, b)| a / b))
    }

    /// The smallest, the one in the middle (of an even number the mean of the two), and the largest.
    pub(crate) fn triple(&self) -> Option<[f64; 3]> {
        let (min, max) = (*self.0.first()?, *self.0.last()?);
        let n = self.0.len();
        let (a, b) = (self.0.get((n - 1) / 2)?, self.0.get(n / 2)?);
        Some([min, f64::midpoint(*a, *b), max])
    }

    /// `median (min-max)`; `-` without any.
    pub(crate) fn text(&self, decimals: usize) -> String {
        self.triple().map_or_else(
            || "-".to_owned(),
            |[min, median, max]| format!("{median:.decimals$} ({min:.decimals$}-{max:.decimals$})"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn the_middle_one_and_the_extremes() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]).triple(), Some([1.0, 2.0, 3.0]));
        assert_eq!(Spread::of([4.0, 1.0]).text(1), "2.5 (1.0-4.0)");
        assert_eq!(
            Spread::ratio(&[6.0, 9.0], &[2.0, 3.0]).text(2),
            "3.00 (3.00-3.00)"
        );
        assert_eq!(Spread::of([]).text(1), "-");
    }
}
