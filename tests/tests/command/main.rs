//! The `tollgate` command as it is built, beside a real Envoy. Its subcommand `sync` has tests of its own.

mod check;
mod token;
mod webhook;
