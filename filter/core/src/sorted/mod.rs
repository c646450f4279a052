//! Small sets and maps in the order of their items: a list and a binary search.
//!
//! They hold what one event, one answer or one document brings, which is bounded and rarely more than a few. An instance is
//! a tenth of a `BTreeMap`'s code, and there are many, which counts in a module.

mod map;
mod set;

pub use map::SortedMap;
pub(crate) use set::SortedSet;
