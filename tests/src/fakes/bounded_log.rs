//! A log with a maximum: it keeps the newest entries, and a reader that needs an older one fails.

use std::collections::VecDeque;

/// The newest `MAX` entries of a log. An entry is known by its position: the number of entries before it, including
/// those that were forgotten.
#[derive(Clone, Debug)]
pub(crate) struct BoundedLog<T, const MAX: usize> {
    kept: VecDeque<T>,
    /// The number of entries that were forgotten, which is the position of the oldest that is kept.
    forgotten: usize,
}

impl<T, const MAX: usize> Default for BoundedLog<T, MAX> {
    fn default() -> Self {
        BoundedLog { kept: VecDeque::new(), forgotten: 0 }
    }
}

impl<T, const MAX: usize> BoundedLog<T, MAX> {
    /// Adds an entry, and forgets the oldest one if there are too many. Returns the position of the new one.
    pub(crate) fn push(&mut self, entry: T) -> usize {
        if self.kept.len() == MAX {
            self.kept.pop_front();
            self.forgotten += 1;
        }
        self.kept.push_back(entry);
        self.end() - 1
    }

    /// Returns the position of the next entry: the number of entries so far.
    pub(crate) fn end(&self) -> usize {
        self.forgotten + self.kept.len()
    }

    /// Returns the entry at a position, to be changed, unless it was forgotten.
    pub(crate) fn get_mut(&mut self, position: usize) -> Option<&mut T> {
        self.kept.get_mut(position.checked_sub(self.forgotten)?)
    }

    /// Returns the entries that are kept, oldest first.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &T> {
        self.kept.iter()
    }

    /// Returns all entries from a position on, oldest first.
    ///
    /// # Panics
    /// If one of them was forgotten, so that a test does not count too few.
    pub(crate) fn since(&self, position: usize) -> impl Iterator<Item = &T> {
        assert!(
            position >= self.forgotten,
            "the log keeps {MAX} entries, and {} of those that are read here were forgotten",
            self.forgotten - position
        );
        self.kept.iter().skip(position - self.forgotten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(entries: usize) -> BoundedLog<usize, 3> {
        let mut log = BoundedLog::default();
        for entry in 0..entries {
            assert_eq!(log.push(entry), entry, "its position");
        }
        log
    }

    #[test]
    fn the_newest_entries_are_kept() {
        for (entries, want) in [(0, vec![]), (3, vec![0, 1, 2]), (4, vec![1, 2, 3])] {
            let log = log_of(entries);
            assert_eq!(log.kept().copied().collect::<Vec<_>>(), want, "of {entries}");
            assert_eq!(log.end(), entries);
        }
    }

    #[test]
    fn entries_are_found_by_their_positions() {
        let mut log = log_of(5);
        assert_eq!((log.get_mut(1).copied(), log.get_mut(2).copied(), log.get_mut(5)), (None, Some(2), None));
        assert_eq!(log.since(3).copied().collect::<Vec<_>>(), [3, 4]);
        assert_eq!(log.since(5).count(), 0);
    }

    #[test]
    #[should_panic(expected = "the log keeps 3 entries, and 1 of those that are read here were forgotten")]
    fn a_reader_that_needs_a_forgotten_entry_fails() {
        let _ = log_of(4).since(0);
    }
}
