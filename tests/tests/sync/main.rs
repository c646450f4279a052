//! `tollgate sync`: the built command between fakes of Stripe and Clerk that keep state and check requests.

mod apply;
mod clerk_billing;
mod ends;
mod many;
mod misuse;
mod run;
mod shipped;
mod tls;
