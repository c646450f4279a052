//! Checks of the plans: builds one consistent table from the document and `PLAN_MAP`.

use super::document::{self, ClerkPlan};
use super::error::{Checked, ConfigError, Problems, field, item, quote, quote_all};
use super::names;
use crate::plan_table::{Limit, Plan, PlanTable, Window};
use crate::sorted::SortedMap;
use std::collections::BTreeSet;

/// The maximum number of plans.
const PLANS_MAX: usize = 64;

/// The maximum number of prices, lookup keys, or products of one plan, and of `not_plans`.
const SALES_MAX: usize = 500;

/// The maximum number of slugs by which Clerk Billing knows one plan.
const CLERK_SLUGS_MAX: usize = 16;

/// The maximum number of features that one plan adds.
const FEATURES_MAX: usize = 100;

/// The maximum number of limits of one plan.
const LIMITS_MAX: usize = 50;

/// The highest maximum of a window. Counters are 32 bits wide, with room for a request's cost above the
/// maximum.
pub(crate) const WINDOW_COUNT_MAX: u64 = 4_000_000_000;

/// The prices and products in Stripe that are deliberately not plans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NotPlans {
    /// Ids of prices.
    pub(crate) prices: BTreeSet<String>,
    /// Ids of products.
    pub(crate) products: BTreeSet<String>,
}

/// The prices, lookup keys, and products seen so far, each with its location: each may appear only once.
#[derive(Default)]
struct Sales<'a> {
    prices: SortedMap<&'a str, usize>,
    lookup_keys: SortedMap<&'a str, usize>,
    products: SortedMap<&'a str, usize>,
    /// The locations in the document, to which the values of the maps are indexes.
    paths: Vec<String>,
}

impl<'a> Sales<'a> {
    /// Records the price, lookup key, or product at `path`.
    ///
    /// # Errors
    /// [`ConfigError`] if it is already at another location.
    fn add(&mut self, kind: &'static str, id: &'a str, path: &str) -> Checked<()> {
        let known = match kind {
            "price" => &mut self.prices,
            "product" => &mut self.products,
            _ => &mut self.lookup_keys,
        };
        if let Some(location) = known.get(id).and_then(|index| self.paths.get(*index)) {
            let problem = format!("the {kind} {} is also in {location}", quote(id));
            let cure = "it may appear only once: remove it from one of the two";
            return Err(ConfigError::new(path, problem, cure));
        }
        known.insert(id, self.paths.len());
        self.paths.push(path.to_owned());
        Ok(())
    }
}

/// Builds the table of plans and the list of what is not a plan. `plan_map` has pairs of a price and a plan's
/// name.
pub(super) fn plans<'a>(
    written: &[document::WrittenPlan<'a>],
    not_plans: &document::WrittenNotPlans<'a>,
    plan_map: &'a [(String, String)],
    problems: &mut Problems,
) -> Option<(PlanTable, NotPlans)> {
    problems.keep(names::length(written.len(), PLANS_MAX, "plans"))?;
    let mut sales = Sales::default();
    let mut plans: Vec<Plan> = Vec::new();
    for (index, written) in written.iter().enumerate() {
        plans.push(plan(written, &item("plans", index), &mut sales, problems));
    }
    let not_plans = NotPlans {
        prices: sold("price", &not_plans.prices, "not_plans.prices", &mut sales, problems),
        products: sold("product", &not_plans.products, "not_plans.products", &mut sales, problems),
    };
    distinct(written, problems);
    for (price, name) in plan_map {
        let added = add_price(&mut plans, price, name, &mut sales);
        problems.keep(added);
    }
    let mut plans = plans.into_iter();
    let Some(default_plan) = plans.next() else {
        if written.is_empty() {
            let cure = "add at least the plan of users who pay nothing: `plans: [{name: free}]`";
            problems.add(ConfigError::new("plans", "the list is empty", cure));
        }
        return None;
    };
    Some((PlanTable::new(default_plan, plans.collect()), not_plans))
}

/// Reads one plan.
fn plan<'a>(
    written: &document::WrittenPlan<'a>,
    path: &str,
    sales: &mut Sales<'a>,
    problems: &mut Problems,
) -> Plan {
    let features = names::list(&written.features, FEATURES_MAX, &field(path, "features"), names::name);
    let mut added = BTreeSet::new();
    for feature in problems.keep_or_default(features) {
        added.insert(feature);
    }
    let clerk_slugs = clerk_slugs(written.clerk_plan.as_ref(), &field(path, "clerk_plan"));
    Plan {
        name: problems.keep_or_default(name(written.name, &field(path, "name"))),
        prices: sold("price", &written.prices, &field(path, "prices"), sales, problems),
        lookup_keys: sold("lookup key", &written.lookup_keys, &field(path, "lookup_keys"), sales, problems),
        products: sold("product", &written.products, &field(path, "products"), sales, problems),
        features: added,
        clerk_slugs: problems.keep_or_default(clerk_slugs),
        limits: limits(&written.limits, &field(path, "limits"), problems),
    }
}

/// Reads the slugs that Clerk Billing uses for a plan.
fn clerk_slugs(written: Option<&ClerkPlan<'_>>, path: &str) -> Checked<BTreeSet<String>> {
    Ok(match written {
        None => BTreeSet::new(),
        Some(ClerkPlan::Slug(slug)) => BTreeSet::from([names::name(slug, path)?]),
        Some(ClerkPlan::Slugs(slugs)) if slugs.is_empty() => {
            let cure = "name at least one, or leave it out if the plan's name is its slug";
            return Err(ConfigError::new(path, "has no slug", cure));
        }
        Some(ClerkPlan::Slugs(slugs)) => {
            names::list(slugs, CLERK_SLUGS_MAX, path, names::name)?.into_iter().collect()
        }
    })
}

/// Returns the slugs that Clerk Billing uses for a plan, each with its location in the document.
fn written_slugs<'a>(plan: &document::WrittenPlan<'a>, path: &str) -> Vec<(&'a str, String)> {
    let at = field(path, "clerk_plan");
    match &plan.clerk_plan {
        None => vec![(plan.name, field(path, "name"))],
        Some(ClerkPlan::Slug(slug)) => vec![(slug, at)],
        Some(ClerkPlan::Slugs(slugs)) => {
            slugs.iter().enumerate().map(|(index, slug)| (*slug, item(&at, index))).collect()
        }
    }
}

fn name(text: &str, path: &str) -> Checked<String> {
    if text == "deny" {
        let problem = "no plan can be named \"deny\"";
        return Err(ConfigError::new(
            path,
            problem,
            "`anonymous: deny` means something else; use another name",
        ));
    }
    names::name(text, path)
}

/// Reads the prices, lookup keys or products in one list.
fn sold<'a>(
    kind: &'static str,
    ids: &[&'a str],
    path: &str,
    sales: &mut Sales<'a>,
    problems: &mut Problems,
) -> BTreeSet<String> {
    let mut taken = BTreeSet::new();
    if problems.keep(names::length(ids.len(), SALES_MAX, path)).is_none() {
        return taken;
    }
    for (index, id) in ids.iter().enumerate() {
        let path = item(path, index);
        let added = check_id(kind, id, &path).and_then(|()| sales.add(kind, id, &path));
        if problems.keep(added).is_some() {
            taken.insert((*id).to_owned());
        }
    }
    taken
}

/// Checks an id or a lookup key. The owner of the Stripe account may choose all of them, so any text is
/// accepted, unless the prefix that Stripe generates shows that it is in the wrong list.
fn check_id(kind: &str, id: &str, path: &str) -> Checked<()> {
    let other = match kind {
        "price" if id.starts_with("prod_") => Some("product"),
        "product" if id.starts_with("price_") => Some("price"),
        _ => None,
    };
    if let Some(other) = other {
        let problem = format!("{} is the id of a {other}, not of a {kind}", quote(id));
        return Err(ConfigError::new(path, problem, format!("put it under `{other}s`")));
    }
    names::text(id, path).map(drop)
}

/// Adds a price of `PLAN_MAP`. The document may already list it under the same plan.
fn add_price<'a>(plans: &mut [Plan], price: &'a str, name: &str, sales: &mut Sales<'a>) -> Checked<()> {
    const PATH: &str = "PLAN_MAP";
    check_id("price", price, PATH)?;
    let known = quote_all(plans.iter().map(|plan| plan.name.as_str()));
    let Some(plan) = plans.iter_mut().find(|plan| plan.name == name) else {
        let problem = format!("{} is assigned to {}, which is not a plan", quote(price), quote(name));
        return Err(ConfigError::new(PATH, problem, format!("defined: {known}")));
    };
    if plan.prices.contains(price) {
        return Ok(());
    }
    sales.add("price", price, PATH)?;
    if plan.prices.len() >= SALES_MAX {
        return names::length(SALES_MAX.saturating_add(1), SALES_MAX, PATH);
    }
    plan.prices.insert(price.to_owned());
    Ok(())
}

/// Checks that no two plans share a name or a slug of Clerk Billing.
fn distinct(plans: &[document::WrittenPlan<'_>], problems: &mut Problems) {
    let mut named = SortedMap::new();
    let mut billed = SortedMap::new();
    for (index, plan) in plans.iter().enumerate() {
        if let Some(first) = named.insert(plan.name, index) {
            let problem = format!("plans[{first}] is also named {}", quote(plan.name));
            problems.add(ConfigError::new(
                format!("plans[{index}].name"),
                problem,
                "give each plan its own name",
            ));
            continue;
        }
        for (slug, path) in written_slugs(plan, &item("plans", index)) {
            // A duplicate within the same plan is reported when the plan is read.
            if let Some(first) = billed.insert(slug, index).filter(|first| *first != index) {
                let problem = format!("{} is also the Clerk Billing slug of plans[{first}]", quote(slug));
                let cure = "give each plan a `clerk_plan` of its own";
                problems.add(ConfigError::new(path, problem, cure));
            }
        }
    }
}

/// Reads the limits of one plan.
fn limits(
    written: &SortedMap<&str, document::WrittenLimit>,
    path: &str,
    problems: &mut Problems,
) -> SortedMap<String, Limit> {
    let mut limits = SortedMap::new();
    if problems.keep(names::length(written.len(), LIMITS_MAX, path)).is_none() {
        return limits;
    }
    for (name, limit) in written.iter() {
        let name = names::name(name, path);
        let limit = match limit {
            document::WrittenLimit::Unlimited => Ok(Limit::Unlimited),
            document::WrittenLimit::Windows(windows) => match &name {
                Ok(name) => self::windows(windows, &format!("{path}.{name}")),
                Err(_) => Ok(Limit::Unlimited),
            },
        };
        if let (Some(name), Some(limit)) = (problems.keep(name), problems.keep(limit)) {
            limits.insert(name, limit);
        }
    }
    limits
}

/// Reads the windows of one limit: at least one, and each period once.
fn windows(written: &[document::WrittenWindow], path: &str) -> Checked<Limit> {
    if written.is_empty() {
        let cure = "write `unlimited`, or a window like `[{max: 100, per: month}]`";
        return Err(ConfigError::new(path, "has no window", cure));
    }
    let mut windows: Vec<Window> = Vec::new();
    for (index, window) in written.iter().enumerate() {
        let path = item(path, index);
        if windows.iter().any(|earlier| earlier.per == window.per) {
            let cure = "one window of each period is enough: keep the smaller maximum";
            return Err(ConfigError::new(field(&path, "per"), "appears twice", cure));
        }
        let max = names::between(window.max, 0..=WINDOW_COUNT_MAX, "", &field(&path, "max"))?;
        windows.push(Window { max, per: window.per });
    }
    Ok(Limit::Windows(windows.into()))
}
