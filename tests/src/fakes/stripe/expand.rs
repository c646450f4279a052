//! Expansion of ids into objects: <https://docs.stripe.com/expand>. Deep paths are checked more strictly than
//! Stripe does.

use serde_json::Value;

use super::error::StripeError;
use super::objects::Objects;

/// The maximum number of levels of a property to expand. The `data` of a list counts.
const LEVELS_MAX: usize = 4;

/// The object to which a field refers.
#[derive(Clone, Copy)]
enum Field {
    /// An id (or null) that can be expanded to an object of this kind.
    Id(&'static str),
    /// An object that is always shown whole.
    Inline(&'static str),
    /// A list of such objects.
    List(&'static str),
}

/// Marks kinds that Stripe can expand and the fake does not store: their fields are always null.
const NOT_KEPT: &str = "";

/// Returns what an expandable field refers to, by the kind of the object.
fn field(kind: &str, name: &str) -> Option<Field> {
    Some(match (kind, name) {
        ("subscription" | "checkout.session" | "invoice", "customer") => Field::Id("customer"),
        ("subscription", "latest_invoice") | ("checkout.session", "invoice") => Field::Id("invoice"),
        ("subscription", "schedule") => Field::Id("subscription_schedule"),
        ("subscription_schedule", "customer") => Field::Id("customer"),
        ("subscription_schedule", "subscription") => Field::Id("subscription"),
        ("subscription", "items") => Field::List("subscription_item"),
        ("subscription_item", "price") => Field::Inline("price"),
        ("price", "product") => Field::Id("product"),
        ("product", "default_price") => Field::Id("price"),
        ("checkout.session" | "invoice payment", "payment_intent") => Field::Id("payment_intent"),
        ("invoice", "payments") => Field::List("invoice_payment"),
        ("invoice_payment", "payment") => Field::Inline("invoice payment"),
        ("invoice_payment", "invoice") => Field::Id("invoice"),
        ("payment_intent", "customer") => Field::Id("customer"),
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
            | "test_clock",
        )
        | (
            "invoice",
            "application" | "default_payment_method" | "default_source" | "discounts" | "test_clock",
        )
        | ("customer", "default_source" | "test_clock")
        | ("checkout.session", "payment_link" | "setup_intent")
        | ("product", "tax_code") => Field::Id(NOT_KEPT),
        _ => return None,
    })
}

/// Refuses paths that Stripe would refuse. `kind` is the kind of the response, or of the objects that it
/// lists.
pub fn check(paths: &[&str], kind: &str, is_list: bool) -> Result<(), StripeError> {
    for path in paths {
        if path.split('.').count() > LEVELS_MAX {
            return Err(StripeError::expansion_too_deep(path));
        }
        if !is_expandable(path, kind, is_list) {
            return Err(StripeError::cannot_expand(path, is_list));
        }
    }
    Ok(())
}

fn is_expandable(path: &str, kind: &str, is_list: bool) -> bool {
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

/// Replaces the ids at these paths, which [`check`] has accepted, by the objects.
pub fn apply(paths: &[&str], response: &mut Value, objects: Objects<'_>) {
    for path in paths {
        let names: Vec<&str> = path.split('.').collect();
        expand_path(response, &names, objects);
    }
}

fn expand_path(value: &mut Value, names: &[&str], objects: Objects<'_>) {
    if let Value::Array(elements) = value {
        for element in elements {
            expand_path(element, names, objects);
        }
        return;
    }
    let Some((name, rest)) = names.split_first() else { return };
    // The one list that is shown only on demand:
    // <https://docs.stripe.com/api/invoices/object#invoice_object-payments>
    if *name == "payments" && value["object"] == "invoice" {
        value["payments"] = objects.payments_of(value["id"].as_str().unwrap_or_default());
    }
    let Some(next) = value.get_mut(name) else { return };
    if let Some(object) = next.as_str().and_then(|id| objects.by_id(id)) {
        *next = object;
    }
    expand_path(next, rest, objects);
}
