//! Small sets and maps as sorted lists with binary search.
//!
//! They hold items of one event, one response, or one document, which are bounded and rarely more than a few.
//! They are used instead of `BTreeMap` and `BTreeSet` because of their size: a `BTreeMap` in the map alone
//! makes plan_gate.wasm 33 KB (6 %) larger, and stripe_webhook.wasm 100 KB (16 %).

mod map;
mod set;

pub use map::SortedMap;
pub(crate) use set::SortedSet;
