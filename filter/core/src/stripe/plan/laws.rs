//! Laws of plan resolution.
