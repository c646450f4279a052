//! What the end-to-end tests and the demo are made of: fakes of Stripe and Clerk, and their faults.
pub mod clerk;
pub mod fake;
pub mod faults;
pub mod stripe;
