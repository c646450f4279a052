//! How often: calendar windows and the counters of the local store.
