//! The shared data of an Envoy process: tables of fixed-size records under a fixed number of keys.
//!
//! ```text
//! tollgate/<format>/<namespace>/<table>/<bucket>  ─▶  <format> <record> <record> …
//! ```
//!
//! A key of Envoy's shared data can never be deleted, so each table has a fixed number of keys ("buckets"),
//! and each bucket a named maximum of records. The format of a table's records is part of the key and the
//! first byte of the value. Therefore two releases with different formats in one process never use the same
//! key: neither reads or overwrites the other's records. The first byte distinguishes records from values
//! that another plugin may have written.
//! [Why](../../../../docs/decisions/0027-format-of-shared-data-in-the-key.md).
//!
//! [`SharedTable`] defines the keys and the bytes of buckets; [`SharedUpdate`] is the state machine of one
//! change.
//!
//! | table | format | records | written by |
//! |---|---|---|---|
//! | `c`, `a` | 1 | counters of signed-in and of anonymous callers | `quota::bucket` |
//! | `confirm` | 1 | requests to Clerk, and its responses | `gate::confirm` |
//! | `e` | 2 | events that were processed | `webhook::remembered_events` |
//! | `t` | 2 | changes of plans that are in the audit | `sync::audit` |
//!
//! One key is not a table: `tollgate/1/<namespace>/seed`, the random key of the counters' tables. It is never
//! changed once it is written, and a value of another length is not read as a seed.

mod table;
mod update;

pub(crate) use table::{BucketError, SharedTable};
pub(crate) use update::{Change, SharedUpdate, UpdateProgress};
