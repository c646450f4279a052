//! Changing and ending subscriptions: <https://docs.stripe.com/api/subscriptions/update>.

mod cancel;
mod change;
mod items;
mod pending;
mod proration;
mod request;

pub(super) use request::Cancellation;
