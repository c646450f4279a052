//! Concurrent deliveries on several replicas.

mod both_sources;
mod concurrent;
mod random;
