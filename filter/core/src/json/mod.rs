//! The one reader of JSON that others wrote: Stripe's and Clerk's answers, tokens, and the configuration document.
//!
//! What is legal but cannot be held here is replaced in what Stripe and Clerk send ([`read`], [`read_object`]), and an
//! error in what an operator wrote ([`read_document`]). Where a name that stands twice would let readers disagree, it is
//! refused.

mod replaced;
mod unique_names;

pub(crate) use replaced::read;
pub(crate) use unique_names::{read_document, read_object};
