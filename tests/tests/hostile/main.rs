//! The attack test in short form (two minutes of all phases), VMs that crash, and the memory that requests
//! without an end may use. `cargo hostile` is the long form.

mod killed;
mod phases;
mod unfinished;
