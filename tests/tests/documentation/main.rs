//! Everything that the README and the pages of `docs/` show is run, or parsed by the program that will read
//! it: every command, every configuration, every link. A block without a check is a failure.

mod alarms;
mod billing;
mod blocks;
mod code;
mod envoy;
mod links;
mod pages;
mod reference;
mod refusals;
mod responses;
mod setup;
mod shell;
mod workflows;
mod yaml;
