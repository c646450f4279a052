//! What all worker threads of an Envoy process share: tables of fixed-size records under a fixed number of keys.
//!
//! ```text
//! tollgate/<format>/<namespace>/<table>/<bucket>  ─▶  <format> <record> <record> …
//! ```
//!
//! A key of Envoy's shared data can never be deleted, so each table has a fixed number of keys ("buckets"), and each
//! bucket a named maximum of records. The format of a table's records is part of the key and the first byte of the
//! value. So two releases in one process whose formats differ never meet under one key: neither reads the other's
//! records, and neither overwrites them. The first byte tells records from whatever another plugin may have written.
//! [Why](../../../../docs/decisions/0027-format-of-shared-data-in-the-key.md).
//!
//! [`SharedTable`] is the key scheme and the bytes of a bucket, [`SharedUpdate`] the way of one change into it.
//!
//! | table | format | records | written by |
//! |---|---|---|---|
//! | `c`, `a` | 1 | counters of signed-in and of anonymous callers | `quota::bucket` |
//! | `confirm` | 1 | what was asked of Clerk, and its answers | `gate::confirm` |
//! | `e` | 2 | events that were processed | `webhook::remembered_events` |
//! | `t` | 2 | changes of plans that are in the audit | `sync::audit` |
//!
//! One key is no table: `tollgate/1/<namespace>/seed`, the random key of the counters' table. Nobody changes it once it is
//! there, and whatever has another length is not read as one.

mod table;
mod update;

pub(crate) use table::{BucketError, SharedTable};
pub(crate) use update::{Change, SharedUpdate, UpdateProgress};
