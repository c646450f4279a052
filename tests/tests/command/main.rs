//! The built `tollgate` command, beside a real Envoy. Its subcommand `sync` has tests of its own.

mod check;
mod token;
mod webhook;
