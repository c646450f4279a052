//! Tests that `tollgate sync` has the same effect as an event's delivery, without an event.

mod convergence;
mod requests;
