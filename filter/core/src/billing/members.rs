//! Reads the members of a request's body and the parameters of its query. Unknown and repeated ones are
//! refused.

use super::error::BillingError;
use crate::json;
use serde_json::{Map, Value};

/// The maximum length of a text, in characters.
const TEXT_CHARS_MAX: usize = 2_048;

/// The maximum quantity.
const QUANTITY_MAX: u64 = 999_999;

/// The locales of Stripe's pages (<https://docs.stripe.com/api/checkout/sessions/create>).
const LOCALES: [&str; 41] = [
    "auto", "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA",
    "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru",
    "sk", "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
];

/// The members of a request's body that were not read yet.
#[derive(Debug)]
pub(super) struct Members(Map<String, Value>);

impl Members {
    /// Parses a body; an empty one has no members.
    ///
    /// # Errors
    /// [`BillingError::InvalidRequest`] if it is not a JSON object, or a member appears twice.
    pub(super) fn parse(body: &[u8]) -> Result<Self, BillingError> {
        if body.is_empty() {
            return Ok(Members(Map::new()));
        }
        let detail = "the body must be a JSON object that names each member once";
        json::read_object(body).map(Members).ok_or_else(|| BillingError::invalid("", detail))
    }

    /// Removes and returns a string.
    ///
    /// # Errors
    /// [`BillingError::InvalidRequest`] if it is not a string, blank, or too long.
    pub(super) fn text(&mut self, member: &'static str) -> Result<Option<String>, BillingError> {
        match self.0.remove(member) {
            None => Ok(None),
            Some(Value::String(text)) if is_plain(&text) => Ok(Some(text)),
            Some(_) => Err(BillingError::invalid(member, "it must be a text, neither blank nor too long")),
        }
    }

    /// Removes a string that must be one of `words`, and returns its value.
    ///
    /// # Errors
    /// [`BillingError::InvalidRequest`] if it is none of `words`.
    pub(super) fn word<T: Copy>(
        &mut self,
        member: &'static str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, BillingError> {
        let Some(text) = self.text(member)? else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.map(Some).ok_or_else(|| BillingError::invalid(member, "it is none of the documented values"))
    }

    /// Removes and returns the quantity.
    ///
    /// # Errors
    /// [`BillingError::InvalidRequest`] if it is not an integer from 1 to 999,999.
    pub(super) fn quantity(&mut self) -> Result<Option<u64>, BillingError> {
        let in_range = |quantity: &u64| (1..=QUANTITY_MAX).contains(quantity);
        self.integer("quantity", in_range, "it must be an integer from 1 to 999999")
    }

    /// Removes and returns a time in Unix seconds.
    ///
    /// # Errors
    /// [`BillingError::InvalidRequest`] if it is not an integer of at least 0.
    pub(super) fn unix_seconds(&mut self, member: &'static str) -> Result<Option<u64>, BillingError> {
        self.integer(member, |_| true, "it must be Unix seconds, as the preview has returned them")
    }

    /// Removes and returns the locale.
    ///
    /// # Errors
    /// [`BillingError::InvalidRequest`] if Stripe has no such locale.
    pub(super) fn locale(&mut self) -> Result<Option<&'static str>, BillingError> {
        let Some(text) = self.text("locale")? else { return Ok(None) };
        let known = LOCALES.into_iter().find(|locale| *locale == text);
        known.map(Some).ok_or_else(|| BillingError::invalid("locale", "Stripe has no such locale"))
    }

    /// Checks that every member was read.
    ///
    /// # Errors
    /// [`BillingError::InvalidRequest`] with a member that the endpoint does not have.
    pub(super) fn end(self) -> Result<(), BillingError> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((member, _)) => {
                let member = member.chars().take(64).collect::<String>();
                Err(BillingError::invalid(member, "this endpoint has no such member"))
            }
        }
    }

    fn integer(
        &mut self,
        member: &'static str,
        is_valid: impl Fn(&u64) -> bool,
        detail: &'static str,
    ) -> Result<Option<u64>, BillingError> {
        let Some(value) = self.0.remove(member) else { return Ok(None) };
        value.as_u64().filter(is_valid).map(Some).ok_or_else(|| BillingError::invalid(member, detail))
    }
}

fn is_plain(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= TEXT_CHARS_MAX && !text.contains('\0')
}

/// Reads the parameters of a query. A parameter that is not in `known` or that appears twice is refused.
///
/// # Errors
/// [`BillingError::InvalidRequest`] with the parameter.
pub(super) fn query<const N: usize>(
    path: &[u8],
    known: [&'static str; N],
) -> Result<[Option<String>; N], BillingError> {
    let mut values = [const { None }; N];
    let mark = path.iter().position(|byte| *byte == b'?');
    let text = mark.and_then(|mark| path.get(mark.saturating_add(1)..)).unwrap_or_default();
    for (name, value) in form_urlencoded::parse(text) {
        let slot = known.iter().zip(values.iter_mut()).find(|(known, _)| **known == name);
        match slot {
            Some((_, slot)) if slot.is_none() => *slot = Some(value.into_owned()),
            _ => {
                let name: String = name.chars().take(64).collect();
                return Err(BillingError::invalid(name, "it is unknown, or appears twice"));
            }
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn members(body: &Value) -> Members {
        Members::parse(body.to_string().as_bytes()).unwrap()
    }

    fn member<T>(result: Result<T, BillingError>) -> Option<String> {
        match result {
            Ok(_) => None,
            Err(BillingError::InvalidRequest { member, .. }) => Some(member),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn members_are_returned_once_and_an_unread_member_is_an_error() {
        let mut body = members(&json!({"plan": "pro", "quantity": 3, "locale": "de", "x": 1}));
        assert_eq!(body.text("plan").unwrap().as_deref(), Some("pro"));
        assert_eq!((body.quantity().unwrap(), body.locale().unwrap()), (Some(3), Some("de")));
        assert_eq!(member(body.end()).as_deref(), Some("x"));
        assert!(members(&json!({})).end().is_ok() && Members::parse(b"").unwrap().end().is_ok());
    }

    #[test]
    fn a_wrong_member_is_named() {
        for quantity in
            [json!(0), json!(1_000_000), json!(-1), json!(1.5), json!("1"), json!(null), json!([])]
        {
            let mut body = members(&json!({"quantity": quantity}));
            assert_eq!(member(body.quantity()).as_deref(), Some("quantity"), "{quantity}");
        }
        for plan in [json!(""), json!(" "), json!(7), json!({"a": 1}), json!("x".repeat(2_049))] {
            let mut body = members(&json!({"plan": plan}));
            assert_eq!(member(body.text("plan")).as_deref(), Some("plan"), "{plan}");
        }
        assert_eq!(member(members(&json!({"locale": "xx"})).locale()).as_deref(), Some("locale"));
        let mut at = members(&json!({"at": "later"}));
        assert_eq!(member(at.word("at", &[("now", ())])).as_deref(), Some("at"));
        for body in [&b"[]"[..], b"1", b"{", br#"{"a": 1, "a": 2}"#, b"\xff"] {
            assert_eq!(member(Members::parse(body)).as_deref(), Some(""), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn a_query_has_only_known_parameters_each_once() {
        let read = |path: &[u8]| query(path, ["limit", "after"]);
        assert_eq!(read(b"/billing/invoices").unwrap(), [None, None]);
        let [limit, after] = read(b"/x?after=in_%31&limit=5").unwrap();
        assert_eq!((limit.as_deref(), after.as_deref()), (Some("5"), Some("in_1")));
        assert_eq!(member(read(b"/x?limit=1&limit=2")).as_deref(), Some("limit"));
        assert_eq!(member(read(b"/x?page=1")).as_deref(), Some("page"));
    }
}
