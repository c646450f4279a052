//! The checked settings of the section `billing`.

use super::document::billing::{
    BillingAddress, TrialPayment, WrittenBilling, WrittenCheckout, WrittenPurchase, WrittenTrial,
};
use super::document::gate::{Cors, SubjectKind, WrittenPlanGate};
use super::document::webhook::WrittenStripeWebhook;
use super::error::{Checked, ConfigError, Problems, field, item, quote};
use super::example::Example;
use super::secrets::Secrets;
use super::section::{NamedSection, OwnPath, Section, SharedValues};
use super::sync_settings::SyncSettings;
use super::tokens::{TokenSettings, token_settings};
use super::upstream::{self, upstream};
use super::{address, gate, names, typed, webhook};
use crate::plan_table::{PlanTable, Rank};
use crate::web_origin::origin_of;
use std::collections::BTreeSet;

/// The maximum number of roles that may act for an organization, and of origins.
const ROLES_MAX: usize = 16;
const ORIGINS_MAX: usize = 100;

/// The maximum number of purchases.
const PURCHASES_MAX: usize = 100;

/// The longest trial, in days (<https://docs.stripe.com/billing/subscriptions/trials>).
const TRIAL_DAYS_MAX: u64 = 730;

/// The settings of the billing endpoints.
#[derive(Clone, Debug)]
pub struct BillingSettings {
    /// The path below which the endpoints are.
    pub(crate) path: String,
    /// The subject that buys.
    pub(crate) acts_for: SubjectKind,
    /// The roles that may act for an organization.
    pub(crate) organization_roles: Vec<String>,
    /// A custom permission that may act for an organization as well.
    pub(crate) organization_permission: Option<String>,
    /// The origins of URLs to which a customer may return. At least one.
    pub(crate) return_origins: Vec<String>,
    /// The URL to which a customer returns after a payment.
    pub(crate) success_url: String,
    /// The URL to which a customer returns without a payment.
    pub(crate) cancel_url: String,
    /// The URL to which a customer returns from the portal.
    pub(crate) return_url: String,
    /// The settings of the checkout.
    pub(crate) checkout: CheckoutSettings,
    /// The id of the portal's configuration at Stripe.
    pub(crate) portal_configuration: Option<String>,
    /// The purchases, which are sold at one-time prices.
    pub(crate) purchases: Vec<Purchase>,
    /// The rules for session tokens.
    pub(crate) tokens: TokenSettings,
    /// Whether browsers may read the responses from authorized parties.
    pub(crate) cors: bool,
    /// The settings for reading and syncing subjects.
    pub(crate) sync: SyncSettings,
}

/// The settings of the checkout.
#[derive(Clone, Debug)]
pub(crate) struct CheckoutSettings {
    pub(crate) promotion_codes: bool,
    pub(crate) billing_address: BillingAddress,
    pub(crate) automatic_tax: bool,
    pub(crate) tax_ids: bool,
    pub(crate) trial: Option<TrialSettings>,
}

/// A trial.
#[derive(Clone, Debug)]
pub(crate) struct TrialSettings {
    /// Its length in days.
    pub(crate) days: u64,
    /// The plans that have it.
    pub(crate) plans: BTreeSet<Rank>,
    /// Whether a card is needed for it.
    pub(crate) payment_method: TrialPayment,
}

/// Something that is sold once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Purchase {
    /// Its name in requests.
    pub(crate) name: String,
    /// The id of its price.
    pub(crate) price: String,
}

impl Section for BillingSettings {
    type Written<'a> = WrittenBilling<'a>;
    const OWN_PATHS: &'static [&'static str] = &[];
    const OWN_PREFIXES: &'static [&'static str] = &["path"];
    const EXAMPLES: &'static [Example] = EXAMPLES;

    fn read(
        written: &WrittenBilling<'_>,
        shared: &SharedValues<'_>,
        secrets: Secrets<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let (plans, _) = shared.plans.as_ref()?;
        let at = |name| field(Self::NAME, name);
        let Some(plan_gate) =
            typed::from_section::<WrittenPlanGate<'_>>(shared.document, "plan_gate", gate::EXAMPLES)
        else {
            let problem = "needs the section `plan_gate`, which says which session tokens are accepted";
            problems.add(ConfigError::new(
                Self::NAME,
                problem,
                "add `plan_gate`; its filter need not be used",
            ));
            return None;
        };
        let plan_gate = problems.keep(plan_gate)?;
        let webhook = typed::from_section::<WrittenStripeWebhook<'_>>(
            shared.document,
            "stripe_webhook",
            webhook::EXAMPLES,
        );
        let webhook = webhook.and_then(|webhook| problems.keep(webhook));
        let stripe_key = secrets.stripe_key(&shared.api_keys);
        let clerk_key = secrets.clerk_key(&shared.api_keys);
        let stripe = upstream(&written.stripe, &upstream::STRIPE, stripe_key, &at("stripe"), problems);
        let clerk = upstream(&written.clerk, &upstream::CLERK, clerk_key, &at("clerk"), problems);
        let sync = webhook::sync_settings(webhook.as_ref(), shared, stripe, clerk, problems);
        let tokens = token_settings(&plan_gate, shared, secrets, problems);
        // The settings of the tokens report the empty list, so that it is one error and not three.
        let is_reported = plan_gate.require_azp && tokens.rules.authorized_parties.is_empty();
        if !is_reported {
            problems.keep(check_cookie(&tokens));
        }
        let acts_for = written.acts_for.unwrap_or(plan_gate.subject);
        problems.keep(check_keys(acts_for, &sync));
        let origins = match &written.return_origins {
            None if is_reported => Vec::new(),
            _ => problems.keep_or_default(return_origins(written, &tokens)),
        };
        let mut url = |text: &str, name| problems.keep_or_default(return_url(text, &origins, &at(name)));
        let (success_url, cancel_url) =
            (url(written.success_url, "success_url"), url(written.cancel_url, "cancel_url"));
        let return_url = url(written.return_url, "return_url");
        let roles =
            names::list(&written.organization_roles, ROLES_MAX, &at("organization_roles"), names::text);
        let permission = written
            .organization_permission
            .map(|permission| names::text(permission, &at("organization_permission")))
            .transpose();
        let configuration =
            written.portal.configuration.map(|id| names::text(id, &at("portal.configuration"))).transpose();
        Some(BillingSettings {
            path: problems.keep_or_default(path(written.path, shared)),
            acts_for,
            organization_roles: problems.keep_or_default(roles),
            organization_permission: problems.keep_or_default(permission),
            return_origins: origins,
            success_url,
            cancel_url,
            return_url,
            checkout: checkout(&written.checkout, plans, problems),
            portal_configuration: problems.keep_or_default(configuration),
            purchases: purchases(&written.purchases, plans, problems),
            tokens,
            cors: plan_gate.cors == Cors::AuthorizedParties,
            sync,
        })
    }
}

fn path(text: &str, shared: &SharedValues<'_>) -> Checked<String> {
    const PATH: &str = "billing.path";
    let Some(path) = address::prefix(text, PATH)? else {
        let cure = "write a path of its own, like `path: /billing`";
        return Err(ConfigError::new(PATH, "\"/\" would take every request", cure));
    };
    let own = OwnPath { section: BillingSettings::NAME, field: "path", path: &path, has_paths_below: true };
    shared.check_not_taken(&own)?;
    Ok(path)
}

fn check_cookie(tokens: &TokenSettings) -> Checked<()> {
    if !tokens.cookie || !tokens.rules.authorized_parties.is_empty() {
        return Ok(());
    }
    let problem = "is empty while `plan_gate.cookie` is true, so that any site could buy in a user's name";
    let cure = "list the origins of your web applications, or write `cookie: false`";
    Err(ConfigError::new("plan_gate.authorized_parties", problem, cure))
}

fn check_keys(acts_for: SubjectKind, sync: &SyncSettings) -> Checked<()> {
    let keys = &sync.subject_keys;
    let (user, organization) = match acts_for {
        SubjectKind::User => (true, false),
        SubjectKind::Organization => (false, true),
        SubjectKind::OrganizationOrUser => (true, true),
    };
    let missing = [
        ("user", user && keys.user.is_empty()),
        ("organization", organization && keys.organization.is_empty()),
    ];
    match missing.into_iter().find(|(_, is_missing)| *is_missing) {
        None => Ok(()),
        Some((kind, _)) => {
            let path = field("stripe_webhook.subject_keys", kind);
            let cure = "name a key, under which sessions and customers will name their subject";
            Err(ConfigError::new(path, "has no key, though `billing` sells to such subjects", cure))
        }
    }
}

fn return_origins(written: &WrittenBilling<'_>, tokens: &TokenSettings) -> Checked<Vec<String>> {
    const PATH: &str = "billing.return_origins";
    let origins = match &written.return_origins {
        Some(origins) => names::list(origins, ORIGINS_MAX, PATH, address::origin)?,
        None => tokens.rules.authorized_parties.clone(),
    };
    if origins.is_empty() {
        let cure = "list the origins of your web applications, like `[https://app.example.com]`";
        return Err(ConfigError::new(PATH, "is empty, so that no customer could return", cure));
    }
    Ok(origins)
}

fn return_url(text: &str, origins: &[String], path: &str) -> Checked<String> {
    match origin_of(text) {
        Some(origin) if origins.contains(&origin) || origins.is_empty() => Ok(text.to_owned()),
        Some(origin) => {
            let problem = format!(
                "{} leads to {}, which is not in `billing.return_origins`",
                quote(text),
                quote(&origin)
            );
            Err(ConfigError::new(path, problem, "use a URL of your application, or add its origin"))
        }
        None => {
            let problem = format!("{} is not an absolute URL", quote(text));
            Err(ConfigError::new(path, problem, "write it in full, like https://app.example.com/billing"))
        }
    }
}

fn checkout(written: &WrittenCheckout<'_>, plans: &PlanTable, problems: &mut Problems) -> CheckoutSettings {
    CheckoutSettings {
        promotion_codes: written.promotion_codes,
        billing_address: written.billing_address,
        automatic_tax: written.automatic_tax,
        tax_ids: written.tax_ids,
        trial: written.trial.as_ref().and_then(|trial| problems.keep(self::trial(trial, plans))),
    }
}

fn trial(written: &WrittenTrial<'_>, plans: &PlanTable) -> Checked<TrialSettings> {
    const AT: &str = "billing.checkout.trial";
    let days = names::between(written.days, 1..=TRIAL_DAYS_MAX, "days", &field(AT, "days"))?;
    let mut ranks = BTreeSet::new();
    for (index, name) in written.plans.iter().enumerate() {
        let path = item(&field(AT, "plans"), index);
        let Some(rank) = plans.rank_of(name) else {
            let problem = format!("there is no plan {}", quote(name));
            return Err(ConfigError::new(path, problem, "name a plan of `plans`"));
        };
        ranks.insert(rank);
    }
    if ranks.is_empty() {
        return Err(ConfigError::new(field(AT, "plans"), "is empty", "name the plans that have a trial"));
    }
    Ok(TrialSettings { days, plans: ranks, payment_method: written.payment_method })
}

fn purchases(written: &[WrittenPurchase<'_>], plans: &PlanTable, problems: &mut Problems) -> Vec<Purchase> {
    const AT: &str = "billing.purchases";
    if problems.keep(names::length(written.len(), PURCHASES_MAX, AT)).is_none() {
        return Vec::new();
    }
    let mut checked: Vec<Purchase> = Vec::new();
    for (index, written) in written.iter().enumerate() {
        let at = item(AT, index);
        let name = problems.keep_or_default(names::name(written.name, &field(&at, "name")));
        if checked.iter().any(|other| other.name == name) {
            let problem = format!("another purchase is also named {}", quote(&name));
            problems.add(ConfigError::new(field(&at, "name"), problem, "give each purchase its own name"));
        }
        let price = problems.keep_or_default(names::text(written.price, &field(&at, "price")));
        if plans.iter().any(|(_, plan)| plan.prices.contains(&price)) {
            let problem = format!("{} is the price of a plan", quote(&price));
            problems.add(ConfigError::new(field(&at, "price"), problem, "use a one-time price"));
        }
        checked.push(Purchase { name, price });
    }
    checked
}

const EXAMPLES: &[Example] = &[
    ("billing", "path", "path: /billing"),
    ("billing", "stripe", "stripe: {cluster: stripe_api}"),
    ("trial", "plans", "plans: [pro]"),
    ("trial", "payment_method", "payment_method: if_required"),
    ("purchases", "name", "name: credits_100"),
    ("*", "price", "price: price_credits"),
    ("*", "days", "days: 14"),
    ("*", "acts_for", "acts_for: user"),
    ("*", "organization_roles", "organization_roles: [admin]"),
    ("*", "organization_permission", "organization_permission: org:billing:manage"),
    ("*", "return_origins", "return_origins: [https://app.example.com]"),
    ("*", "success_url", "success_url: https://app.example.com/billing?session={CHECKOUT_SESSION_ID}"),
    ("*", "cancel_url", "cancel_url: https://app.example.com/pricing"),
    ("*", "return_url", "return_url: https://app.example.com/billing"),
    ("*", "promotion_codes", "true or false"),
    ("*", "billing_address", "billing_address: auto"),
    ("*", "automatic_tax", "true or false"),
    ("*", "tax_ids", "true or false"),
    ("*", "configuration", "configuration: bpc_123"),
    ("*", "checkout", "checkout: {promotion_codes: true}"),
    ("*", "trial", "trial: {days: 14, plans: [pro]}"),
    ("*", "portal", "portal: {configuration: bpc_123}"),
    ("*", "purchases", "purchases: [{name: credits_100, price: price_credits}]"),
    (
        "*",
        "billing",
        "billing: {path: /billing, success_url: https://app.example.com/billing, \
             cancel_url: https://app.example.com/pricing, return_url: https://app.example.com/billing, \
             stripe: {cluster: stripe_api}, clerk: {cluster: clerk_api}}",
    ),
];
