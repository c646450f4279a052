//! A shop with gateways, Stripe, and Clerk in one process, and what is compared at its end.

pub(crate) mod actions;
mod convert;
mod shop;
mod state;
mod worker;

pub(crate) use shop::{Fate, Response, RunningRequest, Shop, USER};
pub(crate) use state::{ShopState, check_invariants};
