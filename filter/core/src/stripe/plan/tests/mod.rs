//! What a subject's subscriptions come to: tables of cases, and laws.

pub(super) mod fixture;
mod laws;
mod past_due;
mod resolve;
