//! Tests of `subscription`.
