//! The customer portal: <https://docs.stripe.com/api/customer_portal/sessions>.

mod configurations;
mod create;
mod page;

pub(super) use page::respond;
