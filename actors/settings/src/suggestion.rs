/// Longest name that is compared: a hostile key costs the product of the lengths.
const MAX_LEN: usize = 100;

/// The one of `names` that someone who wrote `written` may have meant.
pub(crate) fn closest<'a>(
    written: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if written.len() > MAX_LEN {
        return None;
    }
    let written: Vec<char> = written.to_lowercase().chars().collect();
    let allowed = (written.len() / 3).max(1);
    names
        .into_iter()
        .filter(|name| name.len() <= MAX_LEN)
        .map(|name| {
            (
                distance(&written, &name.to_lowercase().chars().collect::<Vec<_>>()),
                name,
            )
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many letters must be put in, left out or changed, or neighbours swapped, to make one of the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX - 1);
            let changed = at(&above, j) + usize::from(x != y);
            let mut least = changed.min(at(&above, j + 1) + 1).min(at(&row, j) + 1);
            let is_swap = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if is_swap {
                least = least.min(at(&before, j - 1) + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_other_words_are_not() {
        let names = ["server", "sender", "snap_len", "interfaces"];
        assert_eq!(closest("sever", names), Some("server"));
        assert_eq!(closest("srever", names), Some("server"));
        assert_eq!(closest("interface", names), Some("interfaces"));
        assert_eq!(closest("snaplen", names), Some("snap_len"));
        assert_eq!(closest("SERVER", names), Some("server"));
        assert_eq!(closest("colour", names), None);
        assert_eq!(closest(&"s".repeat(1_000_000), names), None);
        assert_eq!(closest("", names), None);
    }
}
