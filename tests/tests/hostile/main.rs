//! A hostile day, in short: two minutes of every kind of trouble, what becomes of VMs that are killed, and
//! what requests that never end may hold.
//! `cargo hostile` is the long form.

mod killed;
mod phases;
mod unfinished;
