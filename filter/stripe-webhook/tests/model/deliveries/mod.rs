//! One delivery: the response to Stripe, the request to the upstream, the log, and the duration.

mod audit_lines;
mod forwarding;
mod incomplete_responses;
mod odd_json;
mod optional_steps;
mod responses;
mod restricted_key;
mod round_trips;
mod unreadable_parts;
