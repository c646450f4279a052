//! Concurrent deliveries on several replicas.

mod concurrent;
mod random;
