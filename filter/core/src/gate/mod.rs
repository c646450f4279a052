//! The way of a guarded request through the gateway.
