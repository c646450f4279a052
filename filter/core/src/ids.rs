//! Ids from Stripe and Clerk, checked before they are used in a path, a header field, or a key.

use std::fmt;

/// The longest accepted id, in bytes.
pub(crate) const ID_BYTES_MAX: usize = 255;

/// An error of a text that is not a valid id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The id is not of the form that Stripe or Clerk generates.
    #[error("expected `{prefix}` and letters, digits or underscores, at most {ID_BYTES_MAX} characters")]
    Generated {
        /// The expected prefix.
        prefix: &'static str,
    },
    /// The id may be chosen by the owner of the Stripe account, but would change the path that contains it.
    #[error(
        "expected 1 to {ID_BYTES_MAX} printable ASCII characters without `/ ? # % \\`, and not `.`, `..` or `search`"
    )]
    Chosen,
    /// The id of an event has another character.
    #[error("expected 1 to {ID_BYTES_MAX} letters, digits, `_`, or `-`")]
    Event,
}

/// Ids that would change the path that contains them although each of their characters is allowed: dot
/// segments, and the endpoint `search` (<https://docs.stripe.com/search>).
const PATH_WORDS: [&str; 3] = [".", "..", "search"];

/// The form of ids of one kind.
#[derive(Clone, Copy)]
enum Form {
    /// A prefix, and letters, digits, or underscores. Stripe or Clerk generates the id.
    Generated(&'static str),
    /// Any printable text that does not change a path. The owner of the Stripe account may choose the id when
    /// the object is created.
    Chosen,
    /// Letters, digits, `_`, and `-`. The sender of an event generates its id.
    Event,
}

impl Form {
    fn check(self, text: &str) -> Result<(), IdError> {
        let fits = text.len() <= ID_BYTES_MAX;
        match self {
            Form::Generated(prefix) => {
                let rest = text.strip_prefix(prefix).unwrap_or_default();
                let plain = rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                if fits && plain && !rest.is_empty() { Ok(()) } else { Err(IdError::Generated { prefix }) }
            }
            Form::Chosen => {
                let allowed =
                    |b: u8| matches!(b, b' '..=b'~') && !matches!(b, b'/' | b'?' | b'#' | b'%' | b'\\');
                let plain = text.bytes().all(allowed) && !text.is_empty() && !PATH_WORDS.contains(&text);
                if fits && plain { Ok(()) } else { Err(IdError::Chosen) }
            }
            Form::Event => {
                let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
                if fits && plain && !text.is_empty() { Ok(()) } else { Err(IdError::Event) }
            }
        }
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $form:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Parses an id of this kind.
            ///
            /// # Errors
            /// [`IdError`] if the form is wrong, a character is not allowed, or the text is too long.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                $form.check(text)?;
                Ok($name(text.to_owned()))
            }

            /// Returns the id as text.
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
    /// The id of an event, which is the same in each delivery of the event.
    EventId, Form::Event);
id!(
    /// A Stripe event.
    StripeEventId, Form::Generated("evt_"));
id!(
    /// A Stripe customer. Imported customers may have other ids, such as `10482`.
    CustomerId, Form::Chosen);
id!(
    /// A Stripe subscription.
    SubscriptionId, Form::Generated("sub_"));
id!(
    /// An item of a Stripe subscription.
    SubscriptionItemId, Form::Generated("si_"));
id!(
    /// A Stripe subscription schedule.
    ScheduleId, Form::Generated("sub_sched_"));
id!(
    /// A Stripe invoice.
    InvoiceId, Form::Generated("in_"));
id!(
    /// A Stripe Checkout Session.
    CheckoutSessionId, Form::Generated("cs_"));
id!(
    /// A Stripe product, such as `prod_…` or `gold-tier2`.
    ProductId, Form::Chosen);
id!(
    /// A Clerk user.
    UserId, Form::Generated("user_"));
id!(
    /// An instance of a Clerk application, such as production or development.
    InstanceId, Form::Generated("ins_"));
id!(
    /// An item of a Clerk Billing subscription, such as `csub_item_…`.
    BillingItemId, Form::Event);
id!(
    /// A session of a Clerk user.
    SessionId, Form::Generated("sess_"));
id!(
    /// A Clerk organization.
    OrganizationId, Form::Generated("org_"));

impl From<StripeEventId> for EventId {
    fn from(id: StripeEventId) -> Self {
        EventId(id.0)
    }
}

/// The subject of a plan: the user or the organization that a subscription pays for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A Clerk user.
    User(UserId),
    /// A Clerk organization.
    Organization(OrganizationId),
}

impl Subject {
    /// Parses the id of a user or an organization.
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

    /// Returns the id as text.
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
    fn generated_ids_have_their_prefix() {
        let longest = format!("sub_{}", "a".repeat(ID_BYTES_MAX - 4));
        let cases = [
            ("as Stripe generates them", "sub_1MowQVLkdIwHu7ix", true),
            ("an underscore inside", "sub_a_b", true),
            ("the longest", longest.as_str(), true),
            ("one too long", &format!("{longest}a"), false),
            ("nothing after the prefix", "sub_", false),
            ("another kind", "cus_NffrFeUfNV2Hib", false),
            ("no prefix", "10482", false),
            ("a path", "sub_a/../users", false),
            ("a query", "sub_a?x=1", false),
            ("a line break", "sub_a\r\nx: y", false),
            ("a letter outside ASCII", "sub_ä", false),
            ("the prefix in capitals", "SUB_a", false),
            ("empty", "", false),
        ];
        for (why, text, taken) in cases {
            assert_eq!(SubscriptionId::parse(text).is_ok(), taken, "{why}: {text}");
        }
    }

    #[test]
    fn chosen_ids_are_any_text_that_does_not_change_a_path() {
        let longest = "a".repeat(ID_BYTES_MAX);
        let cases = [
            ("as Stripe generates them", "cus_NffrFeUfNV2Hib", true),
            ("a custom number", "10482", true),
            ("a product", "gold-tier2", true),
            ("a mail address", "ada+1@example.com", true),
            ("a blank inside", "Gold plan, yearly", true),
            ("quotes and brackets", "a'b\"c[d]{e}", true),
            ("parts of a query", "a&b=c;d", true),
            ("dots and a letter", "..a", true),
            ("the name of an endpoint and a digit", "search1", true),
            ("the longest", longest.as_str(), true),
            ("one too long", &format!("{longest}a"), false),
            ("a path", "a/../users", false),
            ("a path of Windows", "a\\b", false),
            ("a query", "a?x=1", false),
            ("a fragment", "a#b", false),
            ("an escape", "a%2fb", false),
            ("a step in a path", ".", false),
            ("a step up in a path", "..", false),
            ("the endpoint beside the objects", "search", false),
            ("a line break", "a\r\nx: y", false),
            ("a NUL", "a\0", false),
            ("a delete", "a\x7f", false),
            ("a letter outside ASCII", "ä", false),
            ("the replacement of a lone surrogate", "\u{fffd}", false),
            ("empty", "", false),
        ];
        for (why, text, taken) in cases {
            assert_eq!(CustomerId::parse(text).is_ok(), taken, "{why}: {text}");
            assert_eq!(ProductId::parse(text).is_ok(), taken, "{why}: {text}");
        }
    }

    #[test]
    fn event_ids_are_letters_digits_hyphens_and_underscores() {
        let longest = "a".repeat(ID_BYTES_MAX);
        let cases = [
            ("as Stripe generates them", "evt_1MowQVLkdIwHu7ix", true),
            ("as Svix generates them", "msg_2b-c", true),
            ("the longest", longest.as_str(), true),
            ("one too long", &format!("{longest}a"), false),
            ("a dot, which separates the parts of a signed message", "msg.1", false),
            ("a path", "evt/1", false),
            ("a line break", "evt_1\r\nx: y", false),
            ("empty", "", false),
        ];
        for (why, text, taken) in cases {
            assert_eq!(EventId::parse(text).is_ok(), taken, "{why}: {text}");
        }
    }

    #[test]
    fn a_subject_is_a_user_or_an_organization() {
        assert!(matches!(Subject::parse("user_2abc"), Ok(Subject::User(_))));
        assert!(matches!(Subject::parse("org_2abc"), Ok(Subject::Organization(_))));
        assert!(Subject::parse("cus_2abc").is_err());
    }
}
