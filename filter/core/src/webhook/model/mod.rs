//! What must hold of deliveries, held against Stripe and Clerk in memory.
//!
//! [`stripe`], [`stripe_api`] and [`clerk`] answer as the real ones do and keep the events that changes cause;
//! [`gateway`] drives deliveries step by step, [`request`] what somebody asks for; [`check`] is the entry of the deterministic tests, [`schedule`] that of
//! the random ones, held against [`oracle`].
#![allow(clippy::arithmetic_side_effects)]

mod answer;
mod changes;
mod check;
mod clerk;
mod gateway;
mod history;
mod odd_json;
mod oracle;
mod random;
mod request;
mod schedule;
mod stripe;
mod stripe_api;
mod stripe_wire;
mod temper;
mod verdict;
mod world;

mod answers;
mod audit_lines;
mod convergence;
mod forwarding;
mod incomplete;
mod many_customers;
mod named_schedules;
mod notes;
mod optional_steps;
mod paid_plan;
mod plan_before;
mod recorded;
mod requests;
mod requests_converge;
mod restricted_key;
mod round_trips;
mod sellers_ids;
mod unknown_plan;
mod unmapped;
mod unread_answers;
mod whose;
