//! What `tollgate sync` must do: what an event does, when nobody sends one.

mod convergence;
mod requests;
