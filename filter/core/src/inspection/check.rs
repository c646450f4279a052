//! The checks: their names, which this file defines, and their results.

use super::read_error::ReadError;

/// Defines the checks and their names in the output.
macro_rules! checks {
    ($($check:ident => $word:literal,)*) => {
        /// A check, in the order of the output.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "docs/command.md says what each checks")]
        pub enum CheckName {
            $($check,)*
        }

        impl CheckName {
            /// All checks.
            pub const ALL: &[CheckName] = &[$(CheckName::$check),*];

            /// Returns the name in the output.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(CheckName::$check => $word,)*
                }
            }
        }
    };
}

checks! {
    StripeKey => "stripe_key",
    StripePermissions => "stripe_permissions",
    ClerkKey => "clerk_key",
    KeyModes => "key_modes",
    Clock => "clock",
    PricesExist => "prices_exist",
    PricesMode => "prices_mode",
    PricesActive => "prices_active",
    PricesRecurring => "prices_recurring",
    PurchasePrices => "purchase_prices",
    LookupKeysExist => "lookup_keys_exist",
    ProductsExist => "products_exist",
    SoldPricesMapped => "sold_prices_mapped",
    SoldPricesMappedOnce => "sold_prices_mapped_once",
    PlanNames => "plan_names",
    WebhookEndpoint => "webhook_endpoint",
    WebhookEndpointOnce => "webhook_endpoint_once",
    WebhookEndpointEnabled => "webhook_endpoint_enabled",
    WebhookEventsMissing => "webhook_events_missing",
    WebhookEventsSuperfluous => "webhook_events_superfluous",
    WebhookApiVersion => "webhook_api_version",
    PortalConfiguration => "portal_configuration",
    ClerkInstance => "clerk_instance",
    TokenKeys => "token_keys",
    Issuer => "issuer",
    DoubleSubscriptions => "double_subscriptions",
    SubscriptionOwners => "subscription_owners",
    PlansInStep => "plans_in_step",
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckLevel {
    /// Nothing is wrong.
    Ok,
    /// It may be intended, or could not be checked although the product may work.
    Warning,
    /// It will fail.
    Problem,
}

impl CheckLevel {
    /// Returns the level as the output shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            CheckLevel::Ok => "ok",
            CheckLevel::Warning => "warning",
            CheckLevel::Problem => "problem",
        }
    }
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckResult {
    /// The check.
    pub name: CheckName,
    /// How it ended.
    pub level: CheckLevel,
    /// What was found.
    pub detail: String,
    /// What to do about it; empty if nothing is wrong.
    pub cure: String,
}

/// The verdict of a check, before it has its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CheckVerdict {
    pub(super) level: CheckLevel,
    pub(super) detail: String,
    pub(super) cure: String,
}

/// The verdict, or the read that failed.
pub(super) type CheckOutcome<'a> = Result<CheckVerdict, &'a ReadError>;

impl CheckVerdict {
    pub(super) fn ok(detail: impl Into<String>) -> Self {
        CheckVerdict { level: CheckLevel::Ok, detail: detail.into(), cure: String::new() }
    }

    pub(super) fn warning(detail: impl Into<String>, cure: impl Into<String>) -> Self {
        CheckVerdict { level: CheckLevel::Warning, detail: detail.into(), cure: cure.into() }
    }

    pub(super) fn problem(detail: impl Into<String>, cure: impl Into<String>) -> Self {
        CheckVerdict { level: CheckLevel::Problem, detail: detail.into(), cure: cure.into() }
    }

    pub(super) fn named(self, name: CheckName) -> CheckResult {
        let CheckVerdict { level, detail, cure } = self;
        CheckResult { name, level, detail, cure }
    }
}

/// The maximum number of ids that a detail lists.
const LISTED_MAX: usize = 10;

/// Returns the first ids, and how many more there are.
pub(super) fn listed<T: AsRef<str>>(ids: &[T]) -> String {
    let shown: Vec<&str> = ids.iter().take(LISTED_MAX).map(AsRef::as_ref).collect();
    match ids.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Returns a number with its noun: `1 price`, `2 prices`.
pub(super) fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_cut_after_ten_ids() {
        let ids: Vec<String> = (0..12).map(|number| format!("p{number}")).collect();
        assert_eq!(listed(&ids[..2]), "p0, p1");
        assert!(listed(&ids[..10]).ends_with("p9"));
        assert!(listed(&ids).ends_with("p9 and 2 more"));
    }

    #[test]
    fn the_names_of_the_checks_are_distinct() {
        let mut names: Vec<&str> = CheckName::ALL.iter().map(|name| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CheckName::ALL.len());
    }
}
