//! `cargo modules`: builds both modules and tells what each weighs and how long Envoy takes to load it.

fn main() {}
