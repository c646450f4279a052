//! The prices, lookup keys, and products that the document names.

use crate::inspection::Inspection;
use crate::inspection::account::ConfiguredObject;
use crate::inspection::check::{CheckOutcome, CheckVerdict, counted, listed};
use crate::inspection::read_error::ReadError;
use crate::stripe::price::Price;
use std::collections::BTreeMap;

/// Returns the ids of the objects of that kind, and the first failed read.
fn sorted<'a, T>(
    objects: impl IntoIterator<Item = (&'a String, &'a ConfiguredObject<T>)>,
    is_wrong: impl Fn(&'a String, &'a ConfiguredObject<T>) -> bool,
) -> (Vec<&'a str>, Option<&'a ReadError>)
where
    T: 'a,
{
    let (mut wrong, mut failed) = (Vec::new(), None);
    for (id, object) in objects {
        if is_wrong(id, object) {
            wrong.push(id.as_str());
        }
        if let ConfiguredObject::Failed(error) = object {
            failed = failed.or(Some(error));
        }
    }
    (wrong, failed)
}

/// Returns the verdict: about the wrong objects, or about the read that failed, or that all are right.
fn verdict<'a>(
    (wrong, failed): (Vec<&'a str>, Option<&'a ReadError>),
    about_wrong: impl FnOnce(String) -> CheckVerdict,
    ok: String,
) -> Option<CheckOutcome<'a>> {
    Some(match (wrong.is_empty(), failed) {
        (false, _) => Ok(about_wrong(listed(&wrong))),
        (true, Some(error)) => Err(error),
        (true, None) => Ok(CheckVerdict::ok(ok)),
    })
}

fn prices<'a>(inspection: &'a Inspection<'_>) -> Option<&'a BTreeMap<String, ConfiguredObject<Price>>> {
    Some(&inspection.accounts.stripe.prices).filter(|prices| !prices.is_empty())
}

/// Checks that Stripe has the configured prices.
pub(super) fn prices_exist<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    let prices = prices(inspection)?;
    verdict(
        sorted(prices, |_, price| matches!(price, ConfiguredObject::Missing)),
        |ids| {
            CheckVerdict::problem(
                format!("Stripe does not have {ids}"),
                "correct the ids in `prices`, `not_plans`, `purchases`, or PLAN_MAP; test and live mode, and each \
                 sandbox, have ids of their own",
            )
        },
        format!("Stripe has the configured {}", counted(prices.len(), "price")),
    )
}

/// Checks that no configured price is of the other mode.
pub(super) fn prices_mode<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    verdict(
        sorted(prices(inspection)?, |_, price| matches!(price, ConfiguredObject::OtherMode)),
        |ids| {
            CheckVerdict::problem(
                format!("in the other mode of the account: {ids}"),
                "use the ids of the mode of the API key, which differ from those of the other mode",
            )
        },
        "the configured prices are of the mode of the API key".to_owned(),
    )
}

/// Checks that the configured prices are sold.
pub(super) fn prices_active<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    let is_archived =
        |_: &String, price: &ConfiguredObject<Price>| price.found().is_some_and(|price| !price.terms.active);
    verdict(
        sorted(prices(inspection)?, is_archived),
        |ids| {
            CheckVerdict::warning(
                format!(
                    "archived: {ids}; subscriptions at these prices go on, but new customers cannot buy them"
                ),
                "unarchive the prices, or add the prices that replaced them; keep the old ones while a \
                 subscription has them",
            )
        },
        "the configured prices are active".to_owned(),
    )
}

/// Checks that the prices of plans recur.
pub(super) fn prices_recurring<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    let plans = &inspection.document.plans;
    let is_of_plan = |id: &String| plans.iter().any(|(_, plan)| plan.prices.contains(id));
    let is_one_time = |id: &String, price: &ConfiguredObject<Price>| {
        is_of_plan(id) && price.found().is_some_and(|price| price.terms.recurring.is_none())
    };
    verdict(
        sorted(prices(inspection)?, is_one_time),
        |ids| {
            CheckVerdict::problem(
                format!("one-time prices, which no subscription can have: {ids}"),
                "use recurring prices for plans; what is bought once belongs in `billing.purchases`",
            )
        },
        "the prices of the plans recur".to_owned(),
    )
}

/// Checks that the prices of purchases are paid once.
pub(super) fn purchase_prices<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    let purchases = &inspection.document.billing.as_ref()?.purchases;
    if purchases.is_empty() {
        return None;
    }
    let is_recurring = |id: &String, price: &ConfiguredObject<Price>| {
        purchases.iter().any(|purchase| purchase.price == *id)
            && price.found().is_some_and(|price| price.terms.recurring.is_some())
    };
    verdict(
        sorted(prices(inspection)?, is_recurring),
        |ids| {
            CheckVerdict::problem(
                format!("recurring prices of purchases, which Stripe refuses: {ids}"),
                "use one-time prices in `billing.purchases`",
            )
        },
        "the prices of the purchases are paid once".to_owned(),
    )
}

/// Checks that each configured lookup key has an active price.
pub(super) fn lookup_keys_exist<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    let keys = &inspection.accounts.stripe.lookup_keys;
    if keys.is_empty() {
        return None;
    }
    verdict(
        sorted(keys, |_, price| matches!(price, ConfiguredObject::Missing | ConfiguredObject::OtherMode)),
        |ids| {
            CheckVerdict::problem(
                format!("no active price has the lookup key {ids}"),
                "give a price at Stripe the lookup key, or correct `lookup_keys`",
            )
        },
        format!("an active price has each of {}", counted(keys.len(), "lookup key")),
    )
}

/// Checks that Stripe has the configured products.
pub(super) fn products_exist<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    let products = &inspection.accounts.stripe.products;
    if products.is_empty() {
        return None;
    }
    let (missing, failed) = sorted(products, |_, product| {
        matches!(product, ConfiguredObject::Missing | ConfiguredObject::OtherMode)
    });
    let (archived, _) =
        sorted(products, |_, product| product.found().is_some_and(|product| product.archived));
    if missing.is_empty() && !archived.is_empty() {
        let detail = format!("archived: {}; new customers cannot buy them", listed(&archived));
        return Some(Ok(CheckVerdict::warning(
            detail,
            "unarchive the products, or remove them once no subscription has them",
        )));
    }
    verdict(
        (missing, failed),
        |ids| {
            CheckVerdict::problem(
                format!("Stripe does not have {ids} in the mode of the API key"),
                "correct the ids in `products` or `not_plans`",
            )
        },
        format!("Stripe has the configured {}", counted(products.len(), "product")),
    )
}
