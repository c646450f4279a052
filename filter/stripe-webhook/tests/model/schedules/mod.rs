//! Deliveries side by side on several replicas.

mod concurrent;
mod random;
