//! Which source granted the plan in a record, and what another source grants beside it.
//!
//! The plan in the record is the highest of all sources. A document may read only some of them, so the record
//! also says what the others grant: a plan of Clerk Billing must not end because a document that only reads
//! Stripe finds that a subscription has ended.

use super::metadata::{Record, SubscriptionNote};
use crate::ids::SubscriptionId;
use serde_json::{Map, Value};
use std::fmt;

/// A source of plans, as `private_metadata.plan_source` names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlanSource {
    /// A subscription at Stripe.
    Stripe,
    /// A billing subscription at Clerk.
    ClerkBilling,
    /// A source that this release does not know.
    Other(String),
}

/// The plan of a source that is not the one that granted the plan in the record.
///
/// It counts only while the record names the same subscription as granting. So it has no effect after a
/// release that does not know it has changed the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanBeside {
    /// The source.
    pub source: PlanSource,
    /// The plan's name.
    pub plan: String,
    /// `stripe_subscription` when this was written.
    pub subscription: Option<SubscriptionId>,
}

impl PlanSource {
    /// Returns the source with this name.
    pub fn parse(name: &str) -> Self {
        match name {
            "stripe" => PlanSource::Stripe,
            "clerk_billing" => PlanSource::ClerkBilling,
            other => PlanSource::Other(other.to_owned()),
        }
    }

    /// Returns the name in the record.
    pub fn as_str(&self) -> &str {
        match self {
            PlanSource::Stripe => "stripe",
            PlanSource::ClerkBilling => "clerk_billing",
            PlanSource::Other(name) => name,
        }
    }
}

impl fmt::Display for PlanSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<PlanSource> for Value {
    fn from(source: PlanSource) -> Self {
        Value::String(source.as_str().to_owned())
    }
}

impl PlanBeside {
    pub(super) fn read(private: &Value) -> Option<Self> {
        let object = private.get("plan_beside")?;
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        let subscription = text("subscription").map(SubscriptionId::parse).transpose().ok()?;
        Some(PlanBeside {
            source: PlanSource::parse(text("source")?),
            plan: text("plan")?.to_owned(),
            subscription,
        })
    }
}

impl From<PlanBeside> for Value {
    fn from(beside: PlanBeside) -> Self {
        let subscription = beside.subscription.map(|id| Value::String(id.as_str().to_owned()));
        let members = [
            ("source", beside.source.into()),
            ("plan", Value::String(beside.plan)),
            // Null removes the member of the present object, with which Clerk merges this one.
            ("subscription", subscription.unwrap_or_default()),
        ];
        members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect::<Map<_, _>>().into()
    }
}

impl Record {
    /// Returns whether the record says which source granted the plan.
    pub(crate) fn has_sources(&self) -> bool {
        self.plan_source.is_some() || self.plan_beside.is_some()
    }

    /// Returns the plan beside the recorded one, if it still counts.
    fn beside(&self) -> Option<&PlanBeside> {
        let is_current = |beside: &&PlanBeside| {
            beside.subscription == self.granted_by && Some(&beside.source) != self.plan_source.as_ref()
        };
        self.plan_beside.as_ref().filter(is_current)
    }

    /// Returns whether a release that does not know the source let Stripe raise the plan. It did not say what
    /// each grants.
    fn was_raised_by_stripe(&self) -> bool {
        self.granted_by.is_some() && self.beside().is_none()
    }

    /// Returns the sources other than Stripe that grant a plan according to the record.
    pub(crate) fn other_sources(&self) -> impl Iterator<Item = &PlanSource> {
        let beside = self.beside().map(|beside| &beside.source);
        self.plan_source.iter().chain(beside).filter(|source| **source != PlanSource::Stripe)
    }

    /// Returns the plan that a source other than Stripe grants according to the record.
    pub(crate) fn plan_of(&self, source: &PlanSource) -> Option<&str> {
        match &self.plan_source {
            Some(granting) if granting == source => match self.was_raised_by_stripe() {
                true => self.before().or(self.plan.as_deref()),
                false => self.plan.as_deref(),
            },
            _ => self.beside().filter(|beside| beside.source == *source).map(|beside| beside.plan.as_str()),
        }
    }

    /// Returns the record as it would be if Stripe were the only source. A plan without a source is in it: an
    /// operator or a release without sources wrote it.
    pub(crate) fn stripe_part(&self) -> Record {
        let all = Record { plan_source: None, plan_beside: None, ..self.clone() };
        match &self.plan_source {
            None | Some(PlanSource::Stripe) => all,
            Some(_) if self.was_raised_by_stripe() => all,
            Some(_) => {
                let beside = self.beside().filter(|beside| beside.source == PlanSource::Stripe);
                let plan = beside.map(|beside| beside.plan.clone());
                Record { plan, subscription: SubscriptionNote::default(), ..all }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(plan: &str, private: Value) -> Record {
        let public = json!({"plan": plan, "subscription": {"status": "active"}});
        Record::from_metadata(&public, &private, "plan")
    }

    /// Returns the plans of Stripe and of Clerk Billing.
    fn plans(record: &Record) -> (Option<String>, Option<String>) {
        (record.stripe_part().plan, record.plan_of(&PlanSource::ClerkBilling).map(str::to_owned))
    }

    #[test]
    fn each_source_has_its_own_plan_in_the_record() {
        let of_stripe = json!({"source": "stripe", "plan": "pro", "subscription": "sub_1"});
        let of_clerk = json!({"source": "clerk_billing", "plan": "basic", "subscription": "sub_1"});
        let by_hand = json!({"source": "stripe", "plan": "pro"});
        let before = json!({"subscription": "sub_1", "plan": "basic"});
        let (pro, basic) = (Some("pro"), Some("basic"));
        let cases = [
            ("no source", json!({}), Some("top"), None),
            ("no source, with a subscription", json!({"stripe_subscription": "sub_1"}), Some("top"), None),
            ("Stripe", json!({"plan_source": "stripe", "stripe_subscription": "sub_1"}), Some("top"), None),
            (
                "Stripe, and less of Clerk Billing",
                json!({"plan_source": "stripe", "stripe_subscription": "sub_1", "plan_beside": of_clerk}),
                Some("top"),
                basic,
            ),
            (
                "less of Clerk Billing, beside another subscription",
                json!({"plan_source": "stripe", "stripe_subscription": "sub_2", "plan_beside": of_clerk}),
                Some("top"),
                None,
            ),
            (
                "less of Clerk Billing, after the end of it",
                json!({"plan_source": "stripe", "plan_beside": of_clerk}),
                Some("top"),
                None,
            ),
            ("Clerk Billing", json!({"plan_source": "clerk_billing"}), None, Some("top")),
            (
                "Clerk Billing, and less of Stripe",
                json!({"plan_source": "clerk_billing", "stripe_subscription": "sub_1", "plan_beside": of_stripe}),
                pro,
                Some("top"),
            ),
            (
                "Clerk Billing, and less of Stripe by hand",
                json!({"plan_source": "clerk_billing", "plan_beside": by_hand}),
                pro,
                Some("top"),
            ),
            (
                "raised by a release that does not know the source",
                json!({"plan_source": "clerk_billing", "stripe_subscription": "sub_1", "plan_before": before}),
                Some("top"),
                basic,
            ),
            (
                "the same without the plan before",
                json!({"plan_source": "clerk_billing", "stripe_subscription": "sub_1"}),
                Some("top"),
                Some("top"),
            ),
            (
                "an unreadable part",
                json!({"plan_source": "clerk_billing", "plan_beside": "pro"}),
                None,
                Some("top"),
            ),
            ("another source", json!({"plan_source": "elsewhere"}), None, None),
        ];
        for (why, private, stripe, clerk) in cases {
            let (stripe, clerk) = (stripe.map(str::to_owned), clerk.map(str::to_owned));
            assert_eq!(plans(&record("top", private)), (stripe, clerk), "{why}");
        }
        let other = record("top", json!({"plan_source": "elsewhere"}));
        let source = PlanSource::Other("elsewhere".to_owned());
        assert_eq!((other.other_sources().next(), other.plan_of(&source)), (Some(&source), Some("top")));
    }

    #[test]
    fn the_status_of_another_source_is_not_stripes() {
        let of_clerk = record("pro", json!({"plan_source": "clerk_billing"}));
        assert_eq!(of_clerk.stripe_part().subscription, SubscriptionNote::default());
        let of_stripe = record("pro", json!({"plan_source": "stripe", "stripe_subscription": "sub_1"}));
        assert_eq!(of_stripe.stripe_part().subscription.status.as_deref(), Some("active"));
    }
}
