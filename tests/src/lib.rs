//! The test harness: a real Envoy on the shipped configuration, fake upstreams, and what starts and stops them.

pub mod envoy;
pub mod modules;
pub mod python;
pub mod upstream;
pub mod workspace;
