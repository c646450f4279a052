//! The reader of all external JSON: responses of Stripe and Clerk, tokens, and the configuration document.
//!
//! Legal values that `serde_json` cannot represent are replaced in data from Stripe and Clerk ([`read`],
//! [`read_object`]), and an error in an operator's document ([`read_document`]). Duplicate names are refused
//! where readers could disagree.

mod replaced;
mod unique_names;

pub(crate) use replaced::read;
pub(crate) use unique_names::{read_document, read_object};
