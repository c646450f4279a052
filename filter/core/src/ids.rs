//! Ids from outside, checked before they enter a path, a header or a key.

use std::fmt;

/// The longest id that is taken, in bytes.
pub const ID_BYTES_MAX: usize = 255;

/// Not an id of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected `{prefix}` and letters, digits or underscores, at most {ID_BYTES_MAX} characters")]
pub struct IdError {
    /// What the id should have begun with.
    pub prefix: &'static str,
}

fn check(text: &str, prefix: &'static str) -> Result<(), IdError> {
    let rest = text.strip_prefix(prefix).unwrap_or_default();
    let well_formed = !rest.is_empty()
        && text.len() <= ID_BYTES_MAX
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if well_formed { Ok(()) } else { Err(IdError { prefix }) }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Takes the text if it is an id of this kind.
            ///
            /// # Errors
            /// [`IdError`] if the prefix is another, a character is not allowed, or the text is too long.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check(text, $prefix)?;
                Ok($name(text.to_owned()))
            }

            /// The id as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A Stripe event.
    EventId, "evt_");
id!(
    /// A Stripe customer.
    CustomerId, "cus_");
id!(
    /// A Stripe subscription.
    SubscriptionId, "sub_");
id!(
    /// An item of a Stripe subscription.
    SubscriptionItemId, "si_");
id!(
    /// A Stripe product.
    ProductId, "prod_");
id!(
    /// A Stripe price.
    PriceId, "price_");
id!(
    /// A Clerk user.
    UserId, "user_");
id!(
    /// A session of a Clerk user.
    SessionId, "sess_");
id!(
    /// A Clerk organisation.
    OrganizationId, "org_");

/// Whose plan it is: the user or the organisation that a subscription pays for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A Clerk user.
    User(UserId),
    /// A Clerk organisation.
    Organization(OrganizationId),
}

impl Subject {
    /// Takes a user's or an organisation's id.
    ///
    /// # Errors
    /// [`IdError`] if it is neither.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if text.starts_with("org_") {
            OrganizationId::parse(text).map(Subject::Organization)
        } else {
            UserId::parse(text).map(Subject::User)
        }
    }

    /// The id as it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Subject::User(id) => id.as_str(),
            Subject::Organization(id) => id.as_str(),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_of_the_right_kind_are_taken() {
        let longest = format!("cus_{}", "a".repeat(ID_BYTES_MAX - 4));
        let cases = [
            ("as Stripe makes them", "cus_NffrFeUfNV2Hib", true),
            ("an underscore inside", "cus_a_b", true),
            ("the longest", longest.as_str(), true),
            ("one too long", &format!("{longest}a"), false),
            ("nothing behind the prefix", "cus_", false),
            ("another kind", "sub_1MowQVLkdIwHu7ix", false),
            ("a path", "cus_a/../users", false),
            ("a query", "cus_a?x=1", false),
            ("a line break", "cus_a\r\nx: y", false),
            ("a letter outside ASCII", "cus_ä", false),
            ("the prefix in capitals", "CUS_a", false),
            ("empty", "", false),
        ];
        for (why, text, taken) in cases {
            assert_eq!(CustomerId::parse(text).is_ok(), taken, "{why}: {text}");
        }
    }

    #[test]
    fn a_subject_is_a_user_or_an_organisation() {
        assert!(matches!(Subject::parse("user_2abc"), Ok(Subject::User(_))));
        assert!(matches!(Subject::parse("org_2abc"), Ok(Subject::Organization(_))));
        assert!(Subject::parse("cus_2abc").is_err());
    }
}
