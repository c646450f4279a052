//! The way of a Stripe event through the gateway.
