//! `GET plans`: the plans and purchases for sale, for a pricing page. The response is the same for all
//! callers.

use super::prices::{PlanPrice, PriceList};
use super::response::EndpointResponse;
use crate::config::BillingSettings;
use crate::plan_table::{Limit, Plan, PlanTable, Rank, Window};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// The body of the response.
#[derive(Serialize)]
struct PricingPage<'a> {
    plans: Vec<PlanForSale<'a>>,
}

/// A plan with its prices; none if it is not for sale.
#[derive(Serialize)]
struct PlanForSale<'a> {
    plan: &'a str,
    features: Vec<&'a str>,
    limits: BTreeMap<&'a str, LimitForSale<'a>>,
    prices: Vec<PriceForSale<'a>>,
}

/// A limit as the configuration writes it: `unlimited`, or its windows.
struct LimitForSale<'a>(&'a Limit);

impl Serialize for LimitForSale<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct WindowForSale {
            max: u64,
            per: &'static str,
        }
        let window = |window: &Window| WindowForSale { max: window.max, per: window.per.name() };
        match self.0 {
            Limit::Unlimited => serializer.serialize_str("unlimited"),
            Limit::Windows(windows) => serializer.collect_seq(windows.iter().map(window)),
        }
    }
}

#[derive(Serialize)]
struct PriceForSale<'a> {
    interval: &'a str,
    interval_count: u64,
    amount: Option<u64>,
    currency: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trial_days: Option<u64>,
}

/// Returns the response.
pub(super) fn plans(settings: &BillingSettings, plans: &PlanTable, prices: &PriceList) -> EndpointResponse {
    let plan_for_sale = |(rank, plan)| for_sale(settings, plans, prices, rank, plan);
    EndpointResponse::public(&PricingPage { plans: plans.iter().map(plan_for_sale).collect() })
}

fn for_sale<'a>(
    settings: &BillingSettings,
    plans: &'a PlanTable,
    prices: &'a PriceList,
    rank: Rank,
    plan: &'a Plan,
) -> PlanForSale<'a> {
    let trial = settings.checkout.trial.as_ref().filter(|trial| trial.plans.contains(&rank));
    let price = |price: &'a PlanPrice| PriceForSale {
        interval: &price.interval,
        interval_count: price.interval_count,
        amount: price.amount,
        currency: &price.currency,
        trial_days: trial.map(|trial| trial.days),
    };
    PlanForSale {
        plan: &plan.name,
        features: plans.features(rank),
        limits: plan.limits.iter().map(|(name, limit)| (name.as_str(), LimitForSale(limit))).collect(),
        prices: prices.of_plan(rank).iter().map(price).collect(),
    }
}
