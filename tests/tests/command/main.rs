//! Tests of the built `tollgate` command with a real Envoy. The subcommand `sync` has its own tests.

mod check;
mod init;
mod token;
mod webhook;
