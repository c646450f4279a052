//! Small sets and maps in the order of their items: a list and a binary search.
//!
//! They hold what one event, one response, or one document brings, which is bounded and rarely more than a few. They stay
//! in place of `BTreeMap` and `BTreeSet` for their size: with a `BTreeMap` in the map alone, plan_gate.wasm is 33 KB (6 %)
//! larger, and stripe_webhook.wasm 100 KB (16 %).

mod map;
mod set;

pub use map::SortedMap;
pub(crate) use set::SortedSet;
