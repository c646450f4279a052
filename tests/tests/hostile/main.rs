//! A hostile day, in short: two minutes of every kind of trouble, and what becomes of VMs that are killed.
//! `cargo hostile` is the long form.

mod day;
mod killed;
