//! The plans, lowest first, and what each allows. Does not know which subject has which plan.

use crate::sorted::SortedMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The position of a plan in the [`PlanTable`]: a higher rank is a higher plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank(usize);

/// All plans, lowest first; the first is the default. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanTable {
    default_plan: Plan,
    above: Vec<Plan>,
}

/// A plan, and how Stripe and Clerk Billing name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Its name, as in Clerk's metadata.
    pub(crate) name: String,
    /// The ids of the Stripe prices that sell it, including those of `PLAN_MAP`.
    pub(crate) prices: BTreeSet<String>,
    /// The lookup keys of the Stripe prices that sell it.
    pub(crate) lookup_keys: BTreeSet<String>,
    /// The ids of the Stripe products that sell it.
    pub(crate) products: BTreeSet<String>,
    /// The features that it adds to those of the plans below it.
    pub(crate) features: BTreeSet<String>,
    /// The slugs that Clerk Billing uses for it; empty if the slug is its name.
    pub(crate) clerk_slugs: BTreeSet<String>,
    /// Its limits, by name.
    pub(crate) limits: SortedMap<String, Limit>,
}

/// A limit of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// No limit; nothing is counted.
    Unlimited,
    /// Windows that all must have room. At most one of each [`Period`].
    Windows(Arc<[Window]>),
}

/// The maximum number of requests in each calendar period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The maximum; 0 allows none.
    pub max: u64,
    /// The period.
    pub per: Period,
}

/// A calendar period, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// A second of the clock.
    Second,
    /// A minute of the clock.
    Minute,
    /// An hour of the clock.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday (ISO 8601).
    Week,
    /// From the first day of a month to the first of the next.
    Month,
}

impl Period {
    /// All periods, in the order of their numbers.
    pub(crate) const ALL: [Period; 6] =
        [Period::Second, Period::Minute, Period::Hour, Period::Day, Period::Week, Period::Month];

    /// Returns its number, which must never change: counters that outlive a release contain it.
    pub(crate) const fn number(self) -> usize {
        match self {
            Period::Second => 0,
            Period::Minute => 1,
            Period::Hour => 2,
            Period::Day => 3,
            Period::Week => 4,
            Period::Month => 5,
        }
    }

    /// Returns its name in the configuration and in responses.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Period::Second => "second",
            Period::Minute => "minute",
            Period::Hour => "hour",
            Period::Day => "day",
            Period::Week => "week",
            Period::Month => "month",
        }
    }
}

/// A plan as named in a record. A name that is not in this table may be a high plan: one that only another
/// replica's document has, or one that is no longer sold but still paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordedPlan<'a> {
    /// The record names no plan, which means the default plan.
    None,
    /// A plan of this table.
    Known(Rank),
    /// A plan that this table does not have.
    Unknown(&'a str),
}

impl RecordedPlan<'_> {
    /// Returns whether the plan of that rank may be lower than this plan. True for every rank if this plan is
    /// unknown.
    pub(crate) fn may_be_lowered_by(self, rank: Rank) -> bool {
        match self {
            RecordedPlan::None => false,
            RecordedPlan::Known(recorded) => rank < recorded,
            RecordedPlan::Unknown(_) => true,
        }
    }

    /// Returns whether this plan may be at least as high as the plan of that rank. True for every rank if it
    /// is unknown.
    pub(crate) fn may_be_at_least(self, rank: Rank) -> bool {
        match self {
            RecordedPlan::None => rank <= Rank(0),
            RecordedPlan::Known(recorded) => rank <= recorded,
            RecordedPlan::Unknown(_) => true,
        }
    }

    /// Returns the lower of this plan and the plan of that rank; `rank` if this plan is unknown.
    pub(crate) fn at_most(self, rank: Rank) -> Rank {
        match self {
            RecordedPlan::None => Rank(0),
            RecordedPlan::Known(recorded) => rank.min(recorded),
            RecordedPlan::Unknown(_) => rank,
        }
    }

    /// Returns whether this plan is, or may be, higher than the default plan.
    pub fn is_above_default(self) -> bool {
        match self {
            RecordedPlan::None => false,
            RecordedPlan::Known(rank) => rank > Rank(0),
            RecordedPlan::Unknown(_) => true,
        }
    }
}

impl PlanTable {
    /// Creates a table of these plans, lowest first.
    pub(crate) fn new(default_plan: Plan, above: Vec<Plan>) -> Self {
        PlanTable { default_plan, above }
    }

    /// Returns the rank of the default plan, which every subject without a paid plan has.
    pub(crate) fn default_rank(&self) -> Rank {
        Rank(0)
    }

    /// Returns the rank of the highest plan.
    pub(crate) fn highest_rank(&self) -> Rank {
        Rank(self.above.len())
    }

    /// Returns the plan of that rank, or the default plan if the table has no such rank.
    pub(crate) fn get(&self, rank: Rank) -> &Plan {
        match rank.0.checked_sub(1) {
            Some(above) => self.above.get(above).unwrap_or(&self.default_plan),
            None => &self.default_plan,
        }
    }

    /// Returns every plan with its rank, lowest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Rank, &Plan)> {
        std::iter::once(&self.default_plan)
            .chain(&self.above)
            .enumerate()
            .map(|(index, plan)| (Rank(index), plan))
    }

    /// Returns the rank of the plan with exactly that name.
    pub(crate) fn rank_of(&self, name: &str) -> Option<Rank> {
        self.iter().find(|(_, plan)| plan.name == name).map(|(rank, _)| rank)
    }

    /// Returns the name of a plan that a text differs from only in ASCII case or surrounding spaces, if none
    /// has exactly that name.
    pub(crate) fn nearly(&self, text: &str) -> Option<&str> {
        if self.rank_of(text).is_some() {
            return None;
        }
        self.iter()
            .map(|(_, plan)| plan.name.as_str())
            .find(|name| differs_only_in_case_or_spaces(text, name))
    }

    /// Returns the plan that a record names.
    pub fn recorded<'a>(&self, name: Option<&'a str>) -> RecordedPlan<'a> {
        match name {
            None => RecordedPlan::None,
            Some(name) => self.rank_of(name).map_or(RecordedPlan::Unknown(name), RecordedPlan::Known),
        }
    }

    /// Returns the rank of the plan with that slug in Clerk Billing.
    pub(crate) fn rank_of_clerk_slug(&self, slug: &str) -> Option<Rank> {
        let has_slug = |plan: &Plan| match plan.clerk_slugs.is_empty() {
            true => plan.name == slug,
            false => plan.clerk_slugs.contains(slug),
        };
        self.iter().find(|(_, plan)| has_slug(plan)).map(|(rank, _)| rank)
    }

    /// Returns whether a plan, or one below it, has the feature.
    pub(crate) fn has_feature(&self, rank: Rank, feature: &str) -> bool {
        self.iter().take_while(|(r, _)| *r <= rank).any(|(_, plan)| plan.features.contains(feature))
    }

    /// Returns the features of a plan and of those below it, each once and in alphabetical order.
    pub(crate) fn features(&self, rank: Rank) -> Vec<&str> {
        let mut features = Vec::new();
        for (_, plan) in self.iter().take_while(|(r, _)| *r <= rank) {
            for feature in &plan.features {
                if let Err(index) = features.binary_search(&feature.as_str()) {
                    features.insert(index, feature.as_str());
                }
            }
        }
        features
    }
}

/// Returns whether the texts are equal except for ASCII case and surrounding spaces.
pub(crate) fn differs_only_in_case_or_spaces(a: &str, b: &str) -> bool {
    a.trim_ascii().eq_ignore_ascii_case(b.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(name: &str, features: &[&str]) -> Plan {
        let features = features.iter().map(|f| (*f).to_owned()).collect();
        Plan { name: name.to_owned(), features, ..Plan::default() }
    }

    #[test]
    fn the_order_is_the_rank_and_higher_plans_inherit_features() {
        let table = PlanTable::new(
            plan("free", &[]),
            vec![plan("pro", &["priority_support"]), plan("enterprise", &["sso"])],
        );
        let pro = table.rank_of("pro").unwrap();
        let enterprise = table.rank_of("enterprise").unwrap();
        assert!(table.default_rank() < pro && pro < enterprise);
        assert_eq!(table.get(enterprise).name, "enterprise");
        assert_eq!(table.rank_of("Pro"), None);
        assert_eq!(table.recorded(Some("Pro")), RecordedPlan::Unknown("Pro"));
        assert_eq!(table.recorded(Some("pro")), RecordedPlan::Known(pro));
        assert_eq!(table.recorded(None), RecordedPlan::None);
        assert!(table.has_feature(enterprise, "priority_support"));
        assert!(!table.has_feature(pro, "sso"));
        assert_eq!(table.features(enterprise), ["priority_support", "sso"]);
    }

    #[test]
    fn the_slug_of_clerk_billing_defaults_to_the_plans_name() {
        let slugs = |slugs: &[&str]| slugs.iter().map(|slug| (*slug).to_owned()).collect();
        let free = Plan { clerk_slugs: slugs(&["free_user", "free_org"]), ..plan("free", &[]) };
        let table = PlanTable::new(free, vec![plan("pro", &[])]);
        let cases =
            [("free_user", Some("free")), ("free_org", Some("free")), ("free", None), ("pro", Some("pro"))];
        for (slug, want) in cases {
            let found = table.rank_of_clerk_slug(slug).map(|rank| table.get(rank).name.as_str());
            assert_eq!(found, want, "{slug}");
        }
    }
}
