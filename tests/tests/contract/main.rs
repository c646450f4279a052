//! Tollgate's requests, and the responses of the fakes, compared with what Stripe and Clerk publish: Stripe's
//! own mock server, and the official libraries. Needs Go and Python once, to install them.

mod callout;
mod clerk_requests;
mod script;
mod stripe_fake;
mod stripe_requests;
mod stripe_signatures;
mod svix_signatures;
mod through_envoy;
