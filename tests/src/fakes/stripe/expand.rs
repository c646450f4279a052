//! Expansion of ids into objects: <https://docs.stripe.com/expand>. Stricter than Stripe about what is deep in a path.

use serde_json::Value;

use super::error::StripeError;
use super::objects::Objects;

/// How many levels of a property can be expanded; the `data` of a list counts.
const LEVELS_MAX: usize = 4;

/// What a field of an object leads to.
#[derive(Clone, Copy)]
enum Field {
    /// An id (or null) that can be expanded to an object of this kind.
    Id(&'static str),
    /// An object that is always shown whole.
    Inline(&'static str),
    /// A list of such objects.
    List(&'static str),
}

/// Kinds that Stripe can expand to and the fake does not keep: their fields are always null here.
const NOT_KEPT: &str = "";

/// The expandable fields of the objects that the fake keeps, by kind.
fn field(kind: &str, name: &str) -> Option<Field> {
    Some(match (kind, name) {
        ("subscription" | "checkout.session" | "invoice", "customer") => Field::Id("customer"),
        ("subscription", "latest_invoice") | ("checkout.session", "invoice") => Field::Id("invoice"),
        ("subscription", "items") => Field::List("subscription_item"),
        ("subscription_item", "price") => Field::Inline("price"),
        ("price", "product") => Field::Id("product"),
        ("product", "default_price") => Field::Id("price"),
        ("invoice", "parent") => Field::Inline("invoice parent"),
        ("invoice parent", "subscription_details") => Field::Inline("invoice subscription details"),
        ("checkout.session" | "invoice subscription details", "subscription") => Field::Id("subscription"),
        (
            "subscription",
            "application"
            | "default_payment_method"
            | "default_source"
            | "discounts"
            | "on_behalf_of"
            | "pending_setup_intent"
            | "schedule"
            | "test_clock",
        )
        | (
            "invoice",
            "application" | "default_payment_method" | "default_source" | "discounts" | "test_clock",
        )
        | ("customer", "default_source" | "test_clock")
        | ("checkout.session", "payment_intent" | "payment_link" | "setup_intent")
        | ("product", "tax_code") => Field::Id(NOT_KEPT),
        _ => return None,
    })
}

/// Refuses paths that Stripe would refuse. `kind` is that of the answer, or of what it lists.
pub fn check(paths: &[&str], kind: &str, is_list: bool) -> Result<(), StripeError> {
    for path in paths {
        if path.split('.').count() > LEVELS_MAX {
            return Err(StripeError::expansion_too_deep(path));
        }
        if !leads_somewhere(path, kind, is_list) {
            return Err(StripeError::cannot_expand(path, is_list));
        }
    }
    Ok(())
}

fn leads_somewhere(path: &str, kind: &str, is_list: bool) -> bool {
    let mut names = path.split('.');
    if is_list && names.next() != Some("data") {
        return false;
    }
    let mut kind = kind;
    while let Some(name) = names.next() {
        match field(kind, name) {
            None => return false,
            Some(Field::Id(NOT_KEPT)) => return true,
            Some(Field::Id(next) | Field::Inline(next)) => kind = next,
            Some(Field::List(next)) => match names.next() {
                None => return true,
                Some("data") => kind = next,
                Some(_) => return false,
            },
        }
    }
    true
}

/// Replaces the ids at these paths, which [`check`] has let pass, by what they name.
pub fn apply(paths: &[&str], answer: &mut Value, objects: Objects<'_>) {
    for path in paths {
        let names: Vec<&str> = path.split('.').collect();
        walk(answer, &names, objects);
    }
}

fn walk(value: &mut Value, names: &[&str], objects: Objects<'_>) {
    if let Value::Array(elements) = value {
        for element in elements {
            walk(element, names, objects);
        }
        return;
    }
    let Some((name, rest)) = names.split_first() else { return };
    let Some(next) = value.get_mut(name) else { return };
    if let Some(object) = next.as_str().and_then(|id| objects.by_id(id)) {
        *next = object;
    }
    walk(next, rest, objects);
}
