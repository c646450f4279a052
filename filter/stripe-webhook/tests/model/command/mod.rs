//! What `tollgate sync` must do: the same as an event's delivery, without an event.

mod convergence;
mod requests;
