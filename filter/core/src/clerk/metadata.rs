//! Tollgate's record in the metadata of a user or an organization, and the patch from one record to another.

use super::plan_claim;
use super::plan_source::{PlanBeside, PlanSource};
use crate::ids::{CustomerId, SubscriptionId};
use crate::sorted::{SortedMap, SortedSet};
use crate::time::Micros;
use serde_json::{Map, Value};

/// The member of `private_metadata` with the subject's own customer.
const CUSTOMER: &str = "stripe_customer";

/// Tollgate's members of `public_metadata` and `private_metadata`. A member of the wrong type is read as
/// absent, so that it differs from the target and is overwritten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// `public_metadata.<plan_key>`.
    pub plan: Option<String>,
    /// `public_metadata.subscription`.
    pub subscription: SubscriptionNote,
    /// `private_metadata.stripe_customers`: the keys of a map, because Clerk merges maps and replaces arrays.
    pub customers: SortedSet<CustomerId>,
    /// `private_metadata.stripe_customers_removed`: customers that were removed from the list recently and
    /// are still read.
    pub removed: SortedSet<CustomerId>,
    /// `private_metadata.stripe_subscription`: the subscription that granted the plan, or that grants the
    /// most at Stripe where another source grants more.
    pub granted_by: Option<SubscriptionId>,
    /// `private_metadata.paid_plan`: the plan that the granting subscription granted when it was last paid.
    pub paid_plan: Option<PlanOf>,
    /// `private_metadata.paid_plans`: the same for the subject's other past-due subscriptions.
    pub paid_plans: SortedMap<SubscriptionId, String>,
    /// `private_metadata.plan_before`: the plan before it was raised by a subscription that must not remove
    /// it.
    pub plan_before: Option<PlanOf>,
    /// `private_metadata.stripe_customer`: the customer that the billing filter made or adopted for the
    /// subject. Only the billing filter writes it, before it creates a session.
    pub customer: Option<CustomerId>,
    /// `private_metadata.trial_used`: whether the subject had a trial. It is never removed.
    pub trial_used: bool,
    /// `private_metadata.plan_source`: the source that granted the plan. Absent where only Stripe is a
    /// source.
    pub plan_source: Option<PlanSource>,
    /// `private_metadata.plan_beside`: the plan that another source grants.
    pub plan_beside: Option<PlanBeside>,
}

/// A plan and the related subscription. It counts only while that is the granting subscription in the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanOf {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The plan's name.
    pub plan: String,
}

/// The granting subscription's details for the frontend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionNote {
    /// Stripe's status: `active`, `past_due` …
    pub status: Option<String>,
    /// The end of the paid period.
    pub current_period_end: Option<Micros>,
    /// Whether the subscription ends at the end of the period.
    pub cancel_at_period_end: Option<bool>,
    /// The time until which the plan is kept although a payment failed. An invalid value is read as the
    /// epoch, so that it grants nothing.
    pub grace_until: Option<Micros>,
}

impl Record {
    /// Reads both metadata objects; null is read as empty.
    pub(super) fn from_metadata(public: &Value, private: &Value, plan_key: &str) -> Self {
        let none = Map::new();
        let public = public.as_object().unwrap_or(&none);
        let granted_by = private.get("stripe_subscription").and_then(Value::as_str);
        Record {
            plan: public.get(plan_key).and_then(Value::as_str).map(str::to_owned),
            subscription: SubscriptionNote::read(public),
            customers: customers(private, "stripe_customers"),
            removed: customers(private, "stripe_customers_removed"),
            granted_by: granted_by.and_then(|id| SubscriptionId::parse(id).ok()),
            paid_plan: PlanOf::read(private, "paid_plan"),
            paid_plans: paid_plans(private),
            plan_before: PlanOf::read(private, "plan_before"),
            customer: customer(private),
            trial_used: private.get("trial_used") == Some(&Value::Bool(true)),
            plan_source: private.get("plan_source").and_then(Value::as_str).map(PlanSource::parse),
            plan_beside: PlanBeside::read(private),
        }
    }

    /// Returns the plan that a subscription granted when it was last paid, if it is recorded. A `paid_plan`
    /// of a subscription other than the granting one is ignored: a release that does not support the member
    /// left it there.
    pub(crate) fn paid(&self, id: &SubscriptionId) -> Option<&str> {
        let of_granting = self.paid_plan.as_ref().filter(|paid| paid.subscription == *id);
        match self.granted_by.as_ref() == Some(id) {
            true => of_granting.map(|paid| paid.plan.as_str()),
            false => self.paid_plans.get(id).map(String::as_str),
        }
    }

    /// Returns the plan before the granting subscription raised it.
    pub(crate) fn before(&self) -> Option<&str> {
        let before = self.plan_before.as_ref()?;
        (Some(&before.subscription) == self.granted_by.as_ref()).then_some(before.plan.as_str())
    }

    /// Returns the body of the request that changes `self` to `target`, with only the differences; `None` if
    /// there are none.
    ///
    /// Clerk merges the body into the metadata and removes members that are null. Customers that other
    /// writers added in the meantime stay. A plan, its granting subscription, and its source are written
    /// together even if only one of them differs: with a concurrent writer, a plan without its subscription
    /// would look manually granted.
    pub fn patch(&self, target: &Record, plan_key: &str) -> Option<Value> {
        let mut public = Map::new();
        put(&mut public, plan_key, &self.plan, &target.plan);
        put_object(&mut public, "subscription", self.subscription.patch(&target.subscription));
        let mut private = Map::new();
        put_object(&mut private, "stripe_customers", customers_patch(&self.customers, &target.customers));
        put_object(&mut private, "stripe_customers_removed", customers_patch(&self.removed, &target.removed));
        let granted_by = |record: &Record| record.granted_by.as_ref().map(|id| id.as_str().to_owned());
        put(&mut private, "stripe_subscription", &granted_by(self), &granted_by(target));
        put(&mut private, "paid_plan", &self.paid_plan, &target.paid_plan);
        put_object(&mut private, "paid_plans", paid_plans_patch(&self.paid_plans, &target.paid_plans));
        put(&mut private, "plan_before", &self.plan_before, &target.plan_before);
        if target.trial_used && !self.trial_used {
            private.insert("trial_used".to_owned(), Value::Bool(true));
        }
        let differs = self.plan != target.plan
            || self.granted_by != target.granted_by
            || self.plan_source != target.plan_source
            || self.plan_beside != target.plan_beside;
        if differs {
            put(&mut public, plan_key, &None, &target.plan);
            put(&mut private, "stripe_subscription", &None, &granted_by(target));
            put(&mut private, "paid_plan", &None, &target.paid_plan);
            put(&mut private, "plan_before", &None, &target.plan_before);
        }
        if differs && (self.has_sources() || target.has_sources()) {
            put_always(&mut private, "plan_source", &target.plan_source);
            put_always(&mut private, "plan_beside", &target.plan_beside);
        }
        let mut body = Map::new();
        put_object(&mut body, "public_metadata", public);
        put_object(&mut body, "private_metadata", private);
        (!body.is_empty()).then_some(Value::Object(body))
    }
}

/// Returns the body of the request that records a subject's own customer.
pub(crate) fn customer_patch(customer: &CustomerId) -> Value {
    let private = [(CUSTOMER.to_owned(), Value::String(customer.as_str().to_owned()))];
    let private: Map<String, Value> = private.into_iter().collect();
    Value::Object([("private_metadata".to_owned(), Value::Object(private))].into_iter().collect())
}

fn customer(private: &Value) -> Option<CustomerId> {
    private.get(CUSTOMER).and_then(Value::as_str).and_then(|id| CustomerId::parse(id).ok())
}

impl PlanOf {
    fn read(private: &Value, name: &str) -> Option<Self> {
        let object = private.get(name)?;
        let subscription = SubscriptionId::parse(object.get("subscription")?.as_str()?).ok()?;
        Some(PlanOf { subscription, plan: object.get("plan")?.as_str()?.to_owned() })
    }
}

impl From<PlanOf> for Value {
    fn from(of: PlanOf) -> Self {
        let members = [("subscription", of.subscription.as_str().to_owned()), ("plan", of.plan)];
        members.map(|(name, value)| (name.to_owned(), Value::String(value))).into_iter().collect()
    }
}

fn paid_plans(private: &Value) -> SortedMap<SubscriptionId, String> {
    let mut plans = SortedMap::default();
    for (id, plan) in private.get("paid_plans").and_then(Value::as_object).into_iter().flatten() {
        if let (Ok(id), Some(plan)) = (SubscriptionId::parse(id), plan.as_str()) {
            plans.insert(id, plan.to_owned());
        }
    }
    plans
}

fn paid_plans_patch(
    from: &SortedMap<SubscriptionId, String>,
    to: &SortedMap<SubscriptionId, String>,
) -> Map<String, Value> {
    let mut patch = Map::new();
    for (id, plan) in to.iter().filter(|(id, plan)| from.get(*id) != Some(*plan)) {
        patch.insert(id.as_str().to_owned(), Value::String(plan.clone()));
    }
    for id in from.keys().filter(|id| !to.contains_key(*id)) {
        patch.insert(id.as_str().to_owned(), Value::Null);
    }
    patch
}

/// Returns the keys of a map of customers, except those whose value is null.
fn customers(private: &Value, name: &str) -> SortedSet<CustomerId> {
    let map = private.get(name).and_then(Value::as_object).into_iter().flatten();
    map.filter(|(_, value)| !value.is_null()).filter_map(|(id, _)| CustomerId::parse(id).ok()).collect()
}

fn customers_patch(from: &SortedSet<CustomerId>, to: &SortedSet<CustomerId>) -> Map<String, Value> {
    let mut patch = Map::new();
    for id in to.difference(from) {
        patch.insert(id.as_str().to_owned(), Value::Bool(true));
    }
    for id in from.difference(to) {
        patch.insert(id.as_str().to_owned(), Value::Null);
    }
    patch
}

impl SubscriptionNote {
    fn read(public: &Map<String, Value>) -> Self {
        let note = public.get("subscription");
        let member = |name: &str| note.and_then(|note| note.get(name));
        SubscriptionNote {
            status: member("status").and_then(Value::as_str).map(str::to_owned),
            current_period_end: member("current_period_end").and_then(Value::as_u64).map(Micros::from_secs),
            cancel_at_period_end: member("cancel_at_period_end").and_then(Value::as_bool),
            grace_until: plan_claim::grace_until(public).unwrap_or(Some(Micros::default())),
        }
    }

    fn patch(&self, target: &SubscriptionNote) -> Map<String, Value> {
        let secs = |time: Option<Micros>| time.map(Micros::as_secs);
        let mut patch = Map::new();
        put(&mut patch, "status", &self.status, &target.status);
        put(
            &mut patch,
            "current_period_end",
            &secs(self.current_period_end),
            &secs(target.current_period_end),
        );
        put(&mut patch, "cancel_at_period_end", &self.cancel_at_period_end, &target.cancel_at_period_end);
        put(&mut patch, "grace_until", &secs(self.grace_until), &secs(target.grace_until));
        patch
    }
}

/// Adds the member if it differs; null if the target has none.
fn put<T: PartialEq + Clone + Into<Value>>(
    patch: &mut Map<String, Value>,
    name: &str,
    from: &Option<T>,
    to: &Option<T>,
) {
    if from != to {
        put_always(patch, name, to);
    }
}

/// Adds the member; null if the target has none.
fn put_always<T: Clone + Into<Value>>(patch: &mut Map<String, Value>, name: &str, to: &Option<T>) {
    patch.insert(name.to_owned(), to.clone().map_or(Value::Null, Into::into));
}

fn put_object(patch: &mut Map<String, Value>, name: &str, object: Map<String, Value>) {
    if !object.is_empty() {
        patch.insert(name.to_owned(), Value::Object(object));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record() -> Record {
        Record {
            plan: Some("pro".to_owned()),
            subscription: SubscriptionNote {
                status: Some("past_due".to_owned()),
                current_period_end: Some(Micros::from_secs(1_900_000_000)),
                cancel_at_period_end: Some(false),
                grace_until: Some(Micros::from_secs(1_800_000_000)),
            },
            customers: ["cus_1", "cus_2"].iter().map(|id| CustomerId::parse(id).unwrap()).collect(),
            removed: SortedSet::default(),
            granted_by: Some(SubscriptionId::parse("sub_1").unwrap()),
            paid_plan: Some(plan_of("sub_1", "pro")),
            paid_plans: paid_plans(&json!({"paid_plans": {"sub_2": "basic", "sub_3": "pro"}})),
            plan_before: Some(plan_of("sub_1", "basic")),
            customer: None,
            trial_used: false,
            plan_source: None,
            plan_beside: None,
        }
    }

    fn plan_of(subscription: &str, plan: &str) -> PlanOf {
        PlanOf { subscription: SubscriptionId::parse(subscription).unwrap(), plan: plan.to_owned() }
    }

    fn full() -> Value {
        json!({
            "public_metadata": {"plan": "pro", "subscription": {
                "status": "past_due", "current_period_end": 1_900_000_000,
                "cancel_at_period_end": false, "grace_until": 1_800_000_000}},
            "private_metadata": {
                "stripe_customers": {"cus_1": true, "cus_2": true}, "stripe_subscription": "sub_1",
                "paid_plan": {"subscription": "sub_1", "plan": "pro"},
                "paid_plans": {"sub_2": "basic", "sub_3": "pro"},
                "plan_before": {"subscription": "sub_1", "plan": "basic"}},
        })
    }

    fn read(metadata: &Value) -> Record {
        Record::from_metadata(&metadata["public_metadata"], &metadata["private_metadata"], "plan")
    }

    /// Applies a patch as Clerk does: objects are merged, null removes a member (`PATCH …/metadata`).
    fn merge(into: &mut Value, patch: &Value) {
        let (Value::Object(object), Value::Object(members)) = (&mut *into, patch) else {
            *into = patch.clone();
            return;
        };
        for (name, value) in members {
            if value.is_null() {
                object.remove(name);
            } else {
                merge(object.entry(name.clone()).or_insert(json!({})), value);
            }
        }
    }

    #[test]
    fn a_written_record_is_read_back() {
        assert_eq!(Record::default().patch(&record(), "plan"), Some(full()));
        assert_eq!(read(&full()), record());
        assert_eq!(record().patch(&record(), "plan"), None);
    }

    #[test]
    fn only_differences_are_written_and_ended_members_removed() {
        let mut target = record();
        target.plan = Some("free".to_owned());
        target.subscription.grace_until = None;
        target.customers = ["cus_2", "cus_3"].iter().map(|id| CustomerId::parse(id).unwrap()).collect();
        target.granted_by = None;
        (target.plan_before, target.paid_plan) = (None, None);
        target.paid_plans = paid_plans(&json!({"paid_plans": {"sub_3": "enterprise", "sub_4": "pro"}}));
        let want = json!({
            "public_metadata": {"plan": "free", "subscription": {"grace_until": null}},
            "private_metadata": {"stripe_customers": {"cus_1": null, "cus_3": true}, "stripe_subscription": null,
                                 "plan_before": null, "paid_plan": null,
                                 "paid_plans": {"sub_2": null, "sub_3": "enterprise", "sub_4": "pro"}},
        });
        assert_eq!(record().patch(&target, "plan"), Some(want));
    }

    #[test]
    fn a_plan_and_what_grants_it_are_written_together() {
        let paid = json!({"subscription": "sub_1", "plan": "pro"});
        let tied = json!({"paid_plan": paid, "stripe_subscription": "sub_1", "plan_before": {"subscription": "sub_1", "plan": "basic"}});
        let mut target = record();
        target.plan = Some("enterprise".to_owned());
        let want = json!({"public_metadata": {"plan": "enterprise"}, "private_metadata": tied});
        assert_eq!(record().patch(&target, "plan"), Some(want));
        let mut target = record();
        target.granted_by = Some(SubscriptionId::parse("sub_2").unwrap());
        (target.plan_before, target.paid_plan) = (None, None);
        let private = json!({"stripe_subscription": "sub_2", "plan_before": null, "paid_plan": null});
        let want = json!({"public_metadata": {"plan": "pro"}, "private_metadata": private});
        assert_eq!(record().patch(&target, "plan"), Some(want));
    }

    #[test]
    fn plan_before_counts_only_with_its_subscription() {
        assert_eq!(record().before(), Some("basic"));
        let other = Some(SubscriptionId::parse("sub_2").unwrap());
        for granted_by in [None, other] {
            assert_eq!(Record { granted_by, ..record() }.before(), None);
        }
        for garbage in [
            json!("basic"),
            json!({}),
            json!({"subscription": "sub_1"}),
            json!({"subscription": "x/y", "plan": "p"}),
        ] {
            let private = json!({"stripe_subscription": "sub_1", "plan_before": garbage});
            assert_eq!(Record::from_metadata(&Value::Null, &private, "plan").before(), None, "{garbage}");
        }
    }

    #[test]
    fn a_plan_is_written_with_its_source() {
        let beside = |plan: &str| PlanBeside {
            source: PlanSource::Stripe,
            plan: plan.to_owned(),
            subscription: Some(SubscriptionId::parse("sub_1").unwrap()),
        };
        let source = Some(PlanSource::ClerkBilling);
        let mirrored = Record { plan_source: source, plan_beside: Some(beside("basic")), ..record() };
        let mut metadata = full();
        let patch = record().patch(&mirrored, "plan").unwrap();
        assert_eq!(patch["public_metadata"], json!({"plan": "pro"}));
        assert_eq!(patch["private_metadata"]["stripe_subscription"], "sub_1");
        merge(&mut metadata, &patch);
        assert_eq!(read(&metadata), mirrored);
        assert_eq!(mirrored.patch(&mirrored, "plan"), None);
        for target in [
            Record { plan_source: None, plan_beside: None, ..record() },
            Record {
                plan_beside: Some(PlanBeside { subscription: None, ..beside("pro") }),
                ..mirrored.clone()
            },
        ] {
            let mut metadata = metadata.clone();
            merge(&mut metadata, &mirrored.patch(&target, "plan").unwrap());
            assert_eq!(read(&metadata), target);
        }
    }

    #[test]
    fn a_patch_applied_by_clerk_gives_the_target() {
        let cases = [
            ("nothing", json!({"public_metadata": {}, "private_metadata": null})),
            (
                "metadata of other applications",
                json!({"public_metadata": {"theme": "dark"}, "private_metadata": {"x": 1}}),
            ),
            (
                "wrong types",
                json!({
                    "public_metadata": {"plan": 7, "subscription": {"grace_until": "soon", "status": 1}},
                    "private_metadata": {"stripe_customers": ["cus_9"], "stripe_subscription": {}},
                }),
            ),
            ("no object at all", json!({"public_metadata": {"subscription": "yes"}, "private_metadata": {}})),
            (
                "another customer",
                json!({"public_metadata": {}, "private_metadata": {"stripe_customers": {"cus_9": true}}}),
            ),
        ];
        for (why, mut metadata) in cases {
            let patch = read(&metadata).patch(&record(), "plan").unwrap();
            merge(&mut metadata, &patch);
            assert_eq!(read(&metadata), record(), "{why}");
            assert_eq!(read(&metadata).patch(&record(), "plan"), None, "{why}: a second write");
        }
    }

    #[test]
    fn a_used_trial_is_written_once_and_never_removed() {
        let used = Record { trial_used: true, ..record() };
        let want = json!({"private_metadata": {"trial_used": true}});
        assert_eq!(record().patch(&used, "plan"), Some(want));
        assert_eq!(used.patch(&record(), "plan"), None);
        for (value, want) in [(json!(true), true), (json!(false), false), (json!("yes"), false)] {
            let private = json!({"trial_used": value});
            assert_eq!(Record::from_metadata(&Value::Null, &private, "plan").trial_used, want, "{value}");
        }
    }

    #[test]
    fn a_recorded_customer_is_read_back() {
        let own = CustomerId::parse("cus_7").unwrap();
        let patch = customer_patch(&own);
        assert_eq!(patch, json!({"private_metadata": {"stripe_customer": "cus_7"}}));
        let read = Record::from_metadata(&Value::Null, &patch["private_metadata"], "plan");
        assert_eq!(read.customer, Some(own));
        let odd = json!({"stripe_customer": "../x"});
        assert_eq!(Record::from_metadata(&Value::Null, &odd, "plan").customer, None);
    }

    #[test]
    fn an_invalid_grace_period_has_passed() {
        let metadata = json!({"public_metadata": {"plan": "pro", "subscription": {"grace_until": "soon"}}});
        assert_eq!(read(&metadata).subscription.grace_until, Some(Micros::default()));
    }

    #[test]
    fn the_plan_key_is_configurable() {
        let metadata = json!({"tier": "pro", "plan": "free"});
        assert_eq!(Record::from_metadata(&metadata, &Value::Null, "tier").plan, Some("pro".to_owned()));
        let patch =
            Record::default().patch(&Record { plan: Some("pro".to_owned()), ..Record::default() }, "tier");
        assert_eq!(patch, Some(json!({"public_metadata": {"tier": "pro"}})));
    }

    #[test]
    fn customers_are_valid_keys_with_a_value_other_than_null() {
        let private =
            json!({"stripe_customers": {"cus_1": true, "cus_2": null, "cus_3": {"x": 1}, "cus/4": true}});
        let record = Record::from_metadata(&Value::Null, &private, "plan");
        let ids: Vec<&str> = record.customers.iter().map(CustomerId::as_str).collect();
        assert_eq!(ids, ["cus_1", "cus_3"]);
    }
}
