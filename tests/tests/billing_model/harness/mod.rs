//! A shop with gateways, Stripe, and Clerk in one process, and the checks of its final state.

pub(crate) mod actions;
mod convert;
mod shop;
mod state;
mod worker;

pub(crate) use shop::{Fate, Response, RunningRequest, Shop, USER};
pub(crate) use state::{ShopState, check_invariants};
