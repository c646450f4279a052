//! How what is sold at Stripe maps to plans.

use crate::inspection::Inspection;
use crate::inspection::account::Listing;
use crate::inspection::check::{CheckOutcome, CheckVerdict, counted, listed};
use crate::inspection::read_error::ReadError;
use crate::stripe::plan::{Catalog, PlanAlarm, PriceMapping, Products};
use crate::stripe::price::Price;

fn catalog<'a>(inspection: &Inspection<'a>) -> Catalog<'a> {
    let document = inspection.document;
    Catalog {
        plans: &document.plans,
        not_plan_prices: &document.not_plans.prices,
        not_plan_products: &document.not_plans.products,
    }
}

/// Returns the recurring prices that are sold; `None` if the document does not read Stripe.
fn sold<'a>(inspection: &'a Inspection<'_>) -> Option<Result<&'a Listing<Price>, &'a ReadError>> {
    let sold = inspection.accounts.stripe.sold_prices.as_ref();
    inspection.document.reads_stripe().then_some(sold)
}

/// Returns the text about the prices that were looked at.
fn of_all(list: &Listing<Price>, holds: &str) -> String {
    let all = counted(list.objects.len(), "recurring price");
    match list.cut {
        true => format!("the newest {all} {holds}; older ones were not read"),
        false => format!("{all} {holds}"),
    }
}

/// Checks that each recurring price that is sold maps to a plan, or is knowingly none.
pub(super) fn sold_prices_mapped<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    Some(sold(inspection)?.map(|list| {
    let catalog = catalog(inspection);
    let is_unmapped = |price: &&Price| match catalog.map_price(price, &Products::default()) {
        // The check of the plan names reports these.
        PriceMapping::Unmapped(Some(_)) | PriceMapping::Plan(_) | PriceMapping::NotAPlan => false,
        PriceMapping::Unmapped(None) | PriceMapping::DependsOn(_) | PriceMapping::ProductGone => true,
    };
    let unmapped: Vec<&str> =
        list.objects.iter().filter(is_unmapped).map(|price| price.id.as_str()).collect();
    match unmapped.as_slice() {
        [] => CheckVerdict::ok(of_all(list, "map to a plan or to none on purpose")),
        unmapped => CheckVerdict::warning(
            format!("recurring prices that map to no plan: {}; who buys them gets none", listed(unmapped)),
            "add each to `prices` of a plan, or to `not_plans` if it is no plan; archive what is not sold any more",
        ),
    }
    }))
}

/// Checks that no price that is sold maps to two plans.
pub(super) fn sold_prices_mapped_once<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    Some(sold(inspection)?.map(|list| {
        let catalog = catalog(inspection);
        let names = |price: &Price| {
            let plans = catalog.all_plans(price, &Products::default());
            let names: Vec<&str> =
                plans.iter().map(|rank| inspection.document.plans.get(*rank).name.as_str()).collect();
            (names.len() > 1).then(|| format!("{} ({})", price.id, names.join(" and ")))
        };
        let twice: Vec<String> = list.objects.iter().filter_map(names).collect();
        match twice.as_slice() {
            [] => CheckVerdict::ok(of_all(list, "map to one plan at most")),
            twice => CheckVerdict::warning(
                format!("prices that map to two plans: {}; the most specific rule counts", listed(twice)),
                "let the price's id, lookup key, product, and metadata name the same plan",
            ),
        }
    }))
}

/// Checks that no name of a plan at Stripe or Clerk differs from a configured one only in case or spaces.
pub(super) fn plan_names<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    Some(sold(inspection)?.map(|list| {
        let catalog = catalog(inspection);
        let alarm = |price: &Price| match catalog.map_price(price, &Products::default()) {
            PriceMapping::Unmapped(Some(
                alarm @ (PlanAlarm::Misspelled { .. } | PlanAlarm::UnknownPlan { .. }),
            )) => Some(alarm.to_string()),
            _ => None,
        };
        let mut wrong: Vec<String> = list.objects.iter().filter_map(alarm).collect();
        let misnamed = inspection.sample.map(|sample| sample.misnamed.as_slice()).unwrap_or_default();
        wrong.extend(misnamed.iter().map(|(subject, recorded, meant)| {
            format!("the record of {subject} at Clerk has \"{recorded}\", and the plan is \"{meant}\"")
        }));
        wrong.dedup();
        match wrong.as_slice() {
            [] => CheckVerdict::ok("the names of plans at Stripe and Clerk are those of the document"),
            wrong => CheckVerdict::problem(
                format!("names that are no plan: {}", listed(wrong)),
                "write the names at Stripe and Clerk exactly as in `plans`",
            ),
        }
    }))
}
