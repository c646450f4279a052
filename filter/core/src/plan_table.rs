//! The plans that are sold, lowest first, and what each allows. Says nothing about who has which.

use crate::sorted::SortedMap;
use std::collections::BTreeSet;

/// A plan's place in the [`PlanTable`]: a higher rank is a higher plan.
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
    /// Its name, as it stands in Clerk's metadata.
    pub(crate) name: String,
    /// Ids of the Stripe prices that sell it, those of `PLAN_MAP` included.
    pub(crate) prices: BTreeSet<String>,
    /// Lookup keys of Stripe prices that sell it.
    pub(crate) lookup_keys: BTreeSet<String>,
    /// Ids of Stripe products that sell it.
    pub(crate) products: BTreeSet<String>,
    /// The features that it adds to those of the plans below it.
    pub(crate) features: BTreeSet<String>,
    /// The slugs that Clerk Billing uses for it; none if it is its name.
    pub(crate) clerk_slugs: BTreeSet<String>,
    /// What it allows, by the name of the limit.
    pub(crate) limits: SortedMap<String, Limit>,
}

/// How often something may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// As often as one likes; nothing is counted.
    Unlimited,
    /// So often in each of these windows, all of which must have room. At most one of each [`Period`].
    Windows(Vec<Window>),
}

/// So often in each calendar period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How often; 0 forbids it.
    pub max: u64,
    /// In which period.
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
    /// All of them, by their numbers.
    pub(crate) const ALL: [Period; 6] =
        [Period::Second, Period::Minute, Period::Hour, Period::Day, Period::Week, Period::Month];

    /// Its number, which never changes: it stands in counters that outlive a release.
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

    /// Its name in configuration and answers.
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

/// A plan as some record names it. A name that this table does not have is no low plan: it may be one that
/// another replica's document has, or one that is sold no more and still paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordedPlan<'a> {
    /// No plan is named, which means the default one.
    None,
    /// A plan of this table.
    Known(Rank),
    /// A plan that this table does not have.
    Unknown(&'a str),
}

impl RecordedPlan<'_> {
    /// Whether the plan of that rank in its place could be less. True of each rank if the table does not have
    /// the plan.
    pub(crate) fn may_be_lowered_by(self, rank: Rank) -> bool {
        match self {
            RecordedPlan::None => false,
            RecordedPlan::Known(recorded) => rank < recorded,
            RecordedPlan::Unknown(_) => true,
        }
    }

    /// Whether it could be worth as much as the plan of that rank. True of each rank if the table does not
    /// have the plan.
    pub(crate) fn may_be_worth(self, rank: Rank) -> bool {
        match self {
            RecordedPlan::None => rank <= Rank(0),
            RecordedPlan::Known(recorded) => rank <= recorded,
            RecordedPlan::Unknown(_) => true,
        }
    }

    /// The lower of the two. Of a plan that the table does not have nobody knows that it is lower.
    pub(crate) fn at_most(self, rank: Rank) -> Rank {
        match self {
            RecordedPlan::None => Rank(0),
            RecordedPlan::Known(recorded) => rank.min(recorded),
            RecordedPlan::Unknown(_) => rank,
        }
    }

    /// Whether it is more than what everyone has, or may be.
    pub fn is_above_default(self) -> bool {
        match self {
            RecordedPlan::None => false,
            RecordedPlan::Known(rank) => rank > Rank(0),
            RecordedPlan::Unknown(_) => true,
        }
    }
}

impl PlanTable {
    /// A table of these plans, lowest first.
    pub(crate) fn new(default_plan: Plan, above: Vec<Plan>) -> Self {
        PlanTable { default_plan, above }
    }

    /// The plan of everyone who pays for none.
    pub(crate) fn default_rank(&self) -> Rank {
        Rank(0)
    }

    /// The plan of that rank. A rank of another table reads as the default plan.
    pub(crate) fn get(&self, rank: Rank) -> &Plan {
        match rank.0.checked_sub(1) {
            Some(above) => self.above.get(above).unwrap_or(&self.default_plan),
            None => &self.default_plan,
        }
    }

    /// Every plan with its rank, lowest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Rank, &Plan)> {
        std::iter::once(&self.default_plan)
            .chain(&self.above)
            .enumerate()
            .map(|(place, plan)| (Rank(place), plan))
    }

    /// The rank of the plan of exactly that name.
    pub(crate) fn rank_of(&self, name: &str) -> Option<Rank> {
        self.iter().find(|(_, plan)| plan.name == name).map(|(rank, _)| rank)
    }

    /// What a record means that names this plan.
    pub fn recorded<'a>(&self, name: Option<&'a str>) -> RecordedPlan<'a> {
        match name {
            None => RecordedPlan::None,
            Some(name) => self.rank_of(name).map_or(RecordedPlan::Unknown(name), RecordedPlan::Known),
        }
    }

    /// The rank of the plan that Clerk Billing means by that slug.
    pub(crate) fn rank_of_clerk_slug(&self, slug: &str) -> Option<Rank> {
        let is_meant = |plan: &Plan| match plan.clerk_slugs.is_empty() {
            true => plan.name == slug,
            false => plan.clerk_slugs.contains(slug),
        };
        self.iter().find(|(_, plan)| is_meant(plan)).map(|(rank, _)| rank)
    }

    /// Whether a plan, or one below it, has the feature.
    pub(crate) fn has_feature(&self, rank: Rank, feature: &str) -> bool {
        self.iter().take_while(|(r, _)| *r <= rank).any(|(_, plan)| plan.features.contains(feature))
    }

    /// The features of a plan and of those below it, each once and in alphabetical order.
    pub(crate) fn features(&self, rank: Rank) -> Vec<&str> {
        let mut features = Vec::new();
        for (_, plan) in self.iter().take_while(|(r, _)| *r <= rank) {
            for feature in &plan.features {
                if let Err(place) = features.binary_search(&feature.as_str()) {
                    features.insert(place, feature.as_str());
                }
            }
        }
        features
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(name: &str, features: &[&str]) -> Plan {
        let features = features.iter().map(|f| (*f).to_owned()).collect();
        Plan { name: name.to_owned(), features, ..Plan::default() }
    }

    #[test]
    fn the_order_is_the_rank_and_features_are_inherited_upwards() {
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
    fn a_slug_of_clerk_billing_is_a_plans_own_or_else_its_name() {
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
