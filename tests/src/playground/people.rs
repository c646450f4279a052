//! Who can sign in, and what is for sale.

use super::configuration::{PRO_PRICE, TEAM_PRICES};
use crate::fakes::clerk::{FakeClerk, Organization, User};
use crate::fakes::stripe::FakeStripe;
use crate::fakes::stripe::model::{Price, Product};
use serde::Serialize;

/// The products of the plans at Stripe.
const PRO_PRODUCT: &str = "prod_pro";
const TEAM_PRODUCT: &str = "prod_team";

/// A person who can sign in, for themselves or for an organization.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Person {
    /// The user's id at Clerk.
    pub(super) user: &'static str,
    name: &'static str,
    /// The active organization's id at Clerk.
    pub(super) organization: Option<&'static str>,
    #[serde(skip)]
    role: &'static str,
}

/// All of them. An organization's members share its plan and its counters; only its admin can buy.
pub(super) const PEOPLE: [Person; 4] = [
    Person { user: "user_ada", name: "Ada", organization: None, role: "" },
    Person { user: "user_bob", name: "Bob", organization: None, role: "" },
    Person { user: "user_ada", name: "Ada for Example Labs", organization: Some("org_labs"), role: "admin" },
    Person { user: "user_bob", name: "Bob for Example Labs", organization: Some("org_labs"), role: "member" },
];

impl Person {
    /// Returns the id of who has the plan and the counter.
    fn subject(&self) -> &'static str {
        self.organization.unwrap_or(self.user)
    }

    /// Returns a session token as Clerk would issue it now to a page of this origin.
    pub(super) fn token(&self, clerk: &FakeClerk, origin: &str) -> String {
        let token = match self.organization {
            None => clerk.token(self.user),
            Some(organization) => {
                clerk.organization_token(self.user, organization).organization(organization, self.role)
            }
        };
        token.claim("azp", origin.into()).sign()
    }
}

/// Returns the ids of all users and organizations.
pub(super) fn subjects() -> impl Iterator<Item = &'static str> {
    ["user_ada", "user_bob", "org_labs"].into_iter()
}

/// Returns one person of each user and organization.
pub(super) fn one_of_each_subject() -> impl Iterator<Item = &'static Person> {
    subjects().filter_map(|subject| PEOPLE.iter().find(|person| person.subject() == subject))
}

/// Puts the people into Clerk, and the prices of the plans into Stripe.
pub(super) fn register(stripe: &FakeStripe, clerk: &FakeClerk) {
    for subject in subjects() {
        if subject.starts_with("org_") {
            clerk.put_organization(Organization::new(subject));
        } else {
            clerk.put_user(User::new(subject));
        }
    }
    for (id, name) in [(PRO_PRODUCT, "Pro"), (TEAM_PRODUCT, "Team")] {
        stripe.put(Product { name: name.to_owned(), ..Product::new(id) });
    }
    stripe.put(Price::new(PRO_PRICE).product(PRO_PRODUCT));
    let [monthly, yearly] = TEAM_PRICES.map(|id| Price::new(id).product(TEAM_PRODUCT));
    stripe.put(monthly.amount(9_000));
    stripe.put(yearly.amount(90_000).every(1, "year"));
}
