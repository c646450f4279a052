//! One delivery: what Stripe gets, what the upstream gets, what is logged, and how long it takes.

mod audit_lines;
mod forwarding;
mod incomplete_responses;
mod odd_json;
mod optional_steps;
mod responses;
mod restricted_key;
mod round_trips;
mod unreadable_parts;
