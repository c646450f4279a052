//! Everything that the README and the pages of `docs/` show is run, or parsed by the program that will read
//! it: every command, every configuration, every link. A block without a check is a failure. The same for the
//! workflows in `.github`.

mod alarms;
mod billing;
mod blocks;
mod code;
mod codes;
mod command;
mod envoy;
mod figures;
mod frontend;
mod links;
mod logs;
mod maxima;
mod mermaid;
mod pages;
mod reference;
mod refusals;
mod responses;
mod setup;
mod shell;
mod stripe_events;
mod structure;
mod versions;
mod workflows;
mod yaml;
