//! Plans and subscriptions for the tests of plan resolution. Each is small, and a test changes the part that
//! it checks.

use crate::ids::{CustomerId, ProductId, SubscriptionId};
use crate::plan_table::{Plan, PlanTable, Rank};
use crate::sorted::{SortedMap, SortedSet};
use crate::stripe::invoice::{Invoice, OpenInvoices, RenewedPrice};
use crate::stripe::object::{Expandable, Metadata};
use crate::stripe::plan::{
    Catalog, Evidence, GrantedPlan, PastDue, PlanRules, Products, Recorded, Resolution,
};
use crate::stripe::price::{Price, PriceTerms};
use crate::stripe::subscription::{ChangeState, Item, Subscription, SubscriptionStatus, UnreadablePart};
use crate::time::Micros;
use std::collections::BTreeSet;
use std::time::Duration;

pub(in crate::stripe::plan) const NOW_S: u64 = 1_790_000_000;
pub(in crate::stripe::plan) const DAY_S: u64 = 86_400;
pub(in crate::stripe::plan) const GRACE_S: u64 = 14 * DAY_S;
pub(in crate::stripe::plan) const GRACE: PastDue = PastDue::Grace(Duration::from_secs(GRACE_S));

pub(in crate::stripe::plan) fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Returns the plans free < pro < enterprise. A price, a lookup key, or a product sells pro; a price sells
/// enterprise.
pub(in crate::stripe::plan) fn plans() -> PlanTable {
    let plan = |name: &str, prices, lookup_keys, products| Plan {
        name: name.to_owned(),
        prices: set(prices),
        lookup_keys: set(lookup_keys),
        products: set(products),
        ..Plan::default()
    };
    let pro = plan("pro", &["price_pro"], &["pro_monthly"], &["prod_pro"]);
    PlanTable::new(
        plan("free", &["price_free"], &[], &[]),
        vec![pro, plan("enterprise", &["price_ent"], &[], &[])],
    )
}

/// A state of Stripe and Clerk, and the rules for it.
#[derive(Clone, Debug)]
pub(in crate::stripe::plan) struct World {
    pub(in crate::stripe::plan) plans: PlanTable,
    pub(in crate::stripe::plan) not_plan_prices: BTreeSet<String>,
    pub(in crate::stripe::plan) not_plan_products: BTreeSet<String>,
    pub(in crate::stripe::plan) past_due: PastDue,
    pub(in crate::stripe::plan) subscriptions: Vec<Subscription>,
    pub(in crate::stripe::plan) products: Products,
    pub(in crate::stripe::plan) open_invoices: SortedMap<SubscriptionId, OpenInvoices>,
    pub(in crate::stripe::plan) recorded: &'static str,
    pub(in crate::stripe::plan) granting: Option<SubscriptionId>,
    pub(in crate::stripe::plan) period_end_s: Option<u64>,
    pub(in crate::stripe::plan) paid: SortedMap<SubscriptionId, Rank>,
    pub(in crate::stripe::plan) granting_is_paid: bool,
}

impl World {
    pub(in crate::stripe::plan) fn new(subscriptions: Vec<Subscription>) -> Self {
        World {
            plans: plans(),
            not_plan_prices: set(&["price_storage"]),
            not_plan_products: set(&["prod_storage"]),
            past_due: GRACE,
            subscriptions,
            products: Products::default(),
            open_invoices: SortedMap::default(),
            recorded: "free",
            granting: None,
            period_end_s: None,
            paid: SortedMap::default(),
            granting_is_paid: true,
        }
    }

    pub(in crate::stripe::plan) fn recorded(mut self, plan: &'static str, granting: &str) -> Self {
        self.recorded = plan;
        self.granting = SubscriptionId::parse(granting).ok();
        // Records of earlier releases note nothing else: the recorded plan is the one that the subscription
        // granted when it was last paid.
        match self.plans.rank_of(plan) {
            Some(_) => self.paid(granting, plan),
            None => self,
        }
    }

    pub(in crate::stripe::plan) fn paid(mut self, subscription: &str, plan: &str) -> Self {
        if let Ok(id) = SubscriptionId::parse(subscription) {
            let rank = self.rank(plan);
            self.paid.insert(id, rank);
        }
        self
    }

    pub(in crate::stripe::plan) fn past_due(mut self, past_due: PastDue) -> Self {
        self.past_due = past_due;
        self
    }

    pub(in crate::stripe::plan) fn owing(
        mut self,
        subscription: &str,
        oldest_s: u64,
        plan_change: bool,
    ) -> Self {
        let owed = OpenInvoices { oldest_s: Some(oldest_s), plan_change, ..OpenInvoices::default() };
        self.open_invoices.insert(SubscriptionId::parse(subscription).unwrap(), owed);
        self
    }

    /// Sets the prices that the unpaid renewal of a subscription charges.
    pub(in crate::stripe::plan) fn renewing(mut self, subscription: &str, prices: &[&str]) -> Self {
        let id = SubscriptionId::parse(subscription).unwrap();
        let price = |id: &&str| RenewedPrice { price: (*id).to_owned(), product: "prod_other".to_owned() };
        let owed = self.open_invoices.get_mut(&id).unwrap();
        owed.renews = prices.iter().map(price).collect();
        self
    }

    pub(in crate::stripe::plan) fn product(mut self, id: &str, metadata: &[(&str, &str)]) -> Self {
        self.products.insert(ProductId::parse(id).unwrap(), Some(metadata.iter().copied().collect()));
        self
    }

    pub(in crate::stripe::plan) fn catalog(&self) -> Catalog<'_> {
        Catalog {
            plans: &self.plans,
            not_plan_prices: &self.not_plan_prices,
            not_plan_products: &self.not_plan_products,
        }
    }

    pub(in crate::stripe::plan) fn evaluate<T>(
        &self,
        function: impl FnOnce(PlanRules<'_>, &Evidence<'_>, &Recorded<'_>) -> T,
    ) -> T {
        let rules = PlanRules { catalog: self.catalog(), past_due: self.past_due };
        let subscriptions: Vec<_> = self.subscriptions.iter().collect();
        let evidence = Evidence {
            subscriptions: &subscriptions,
            products: &self.products,
            open_invoices: &self.open_invoices,
        };
        let recorded = Recorded {
            plan: self.plans.recorded(Some(self.recorded)),
            granting: self.granting.as_ref(),
            period_end_s: self.period_end_s,
            paid: self.paid.clone(),
            granting_is_paid: self.granting_is_paid,
        };
        function(rules, &evidence, &recorded)
    }

    pub(in crate::stripe::plan) fn resolve(&self) -> Resolution {
        self.evaluate(|rules, evidence, recorded| rules.resolve(Micros::from_secs(NOW_S), evidence, recorded))
    }

    /// Returns the plan and the granting subscription, `-` for none.
    pub(in crate::stripe::plan) fn outcome(&self) -> (String, String) {
        let resolution = self.resolve();
        let granting = resolution.granting.map_or_else(|| "-".to_owned(), |id| id.to_string());
        (self.name(resolution.plan), granting)
    }

    pub(in crate::stripe::plan) fn name(&self, plan: GrantedPlan) -> String {
        match plan {
            GrantedPlan::Known(rank) => self.plans.get(rank).name.clone(),
            GrantedPlan::AsRecorded => self.recorded.to_owned(),
        }
    }

    pub(in crate::stripe::plan) fn rank(&self, plan: &str) -> Rank {
        self.plans.rank_of(plan).unwrap()
    }

    /// Returns the codes of the alarms.
    pub(in crate::stripe::plan) fn alarms(&self) -> Vec<&'static str> {
        self.resolve().alarms.iter().map(|alarm| alarm.code().as_str()).collect()
    }
}

/// Returns an item with `price` and the product `prod_other`, paid for another month.
pub(in crate::stripe::plan) fn item(price: &str) -> Item {
    let price = Price {
        id: price.to_owned(),
        lookup_key: None,
        metadata: Metadata::default(),
        product: Some(Expandable::Id("prod_other".to_owned())),
        unreadable: false,
        terms: PriceTerms::default(),
    };
    Item { id: None, price, quantity: Some(1), current_period_end_s: Some(NOW_S + 30 * DAY_S) }
}

pub(in crate::stripe::plan) fn subscription(id: &str, status: &str, prices: &[&str]) -> Subscription {
    Subscription {
        id: SubscriptionId::parse(id).unwrap(),
        customer: CustomerId::parse("cus_1").unwrap(),
        customer_object: None,
        status: SubscriptionStatus::from(status),
        metadata: Metadata::default(),
        created_s: NOW_S - 100 * DAY_S,
        cancel_at_period_end: false,
        cancel_at_s: None,
        items: prices.iter().map(|price| item(price)).collect(),
        items_truncated: false,
        latest_invoice: None,
        changes: ChangeState::default(),
        unreadable: SortedSet::default(),
    }
}

pub(in crate::stripe::plan) fn invoice(status: &str, reason: &str, created_s: u64) -> Invoice {
    Invoice {
        id: "in_1".to_owned(),
        status: Some(status.to_owned()),
        billing_reason: Some(reason.to_owned()),
        created_s,
        due_s: None,
        renews: Vec::new(),
    }
}

pub(in crate::stripe::plan) fn pro(id: &str, status: &str) -> Subscription {
    subscription(id, status, &["price_pro"])
}

pub(in crate::stripe::plan) fn ent(id: &str, status: &str) -> Subscription {
    subscription(id, status, &["price_ent"])
}

/// Returns a subscription whose price is not in the configuration.
pub(in crate::stripe::plan) fn unmapped(id: &str, status: &str) -> Subscription {
    subscription(id, status, &["price_new"])
}

pub(in crate::stripe::plan) fn outcome(world: &World) -> (String, String) {
    world.clone().product("prod_other", &[]).outcome()
}

pub(in crate::stripe::plan) fn alarms(world: &World) -> Vec<&'static str> {
    world.clone().product("prod_other", &[]).alarms()
}

/// Checks cases: the reason, the state, the expected plan, and the expected granting subscription.
pub(in crate::stripe::plan) fn check(cases: &[(&str, World, &str, &str)]) {
    for (why, world, plan, granting) in cases {
        assert_eq!(outcome(world), ((*plan).to_owned(), (*granting).to_owned()), "{why}");
    }
}

pub(in crate::stripe::plan) fn with_unreadable(
    mut subscription: Subscription,
    part: UnreadablePart,
) -> Subscription {
    subscription.unreadable.insert(part);
    subscription
}
