//! What the README and the pages of `docs/` show is run, or parsed by what will read it: every command, every
//! configuration, every link. A block that no rule covers is a failure.

mod alarms;
mod blocks;
mod code;
mod envoy;
mod links;
mod pages;
mod reference;
mod responses;
mod setup;
mod shell;
mod yaml;
