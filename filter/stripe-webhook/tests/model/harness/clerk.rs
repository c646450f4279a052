//! Clerk in memory: users and organizations with their metadata, and the part of its Backend API that is
//! used.

use super::response::FakeResponse;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The maximum number of customers that a record lists.
pub(crate) const LISTED_CUSTOMERS_MAX: usize = 20;

/// Clerk's state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clerk {
    pub(crate) subjects: BTreeMap<String, FakeSubject>,
    /// The item of each billing subscription that is not of the default plan.
    pub(crate) billing: BTreeMap<String, FakeItem>,
    /// The number of writes.
    pub(crate) writes: usize,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct FakeSubject {
    pub(crate) public: Value,
    pub(crate) private: Value,
}

/// An item of Clerk Billing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FakeItem {
    /// The slug, which is the plan's name.
    pub(crate) slug: &'static str,
    pub(crate) status: &'static str,
    /// The end of its period, and the time since which it is past due, if it is.
    pub(crate) at_s: u64,
}

impl FakeItem {
    fn show(self, payer: &str) -> Value {
        let payer = match payer.starts_with("org_") {
            true => json!({"organization_id": payer, "user_id": ""}),
            false => json!({"user_id": payer, "organization_id": ""}),
        };
        json!({
            "object": "commerce_subscription_item", "id": "csub_item_1", "status": self.status, "payer": payer,
            "plan": {"slug": self.slug, "is_default": false}, "period_end": self.at_s * 1_000,
            "past_due_at": (self.status == "past_due").then_some(self.at_s * 1_000),
        })
    }
}

impl FakeSubject {
    pub(crate) fn plan(&self) -> Option<&str> {
        self.public.get("plan").and_then(Value::as_str)
    }

    pub(crate) fn granted_by(&self) -> Option<&str> {
        self.private.get("stripe_subscription").and_then(Value::as_str)
    }

    pub(crate) fn status(&self) -> Option<&str> {
        self.public.get("subscription").and_then(|note| note.get("status")).and_then(Value::as_str)
    }

    /// Returns the keys of one of the maps of customers.
    pub(crate) fn customers(&self, name: &str) -> Vec<&str> {
        let map = self.private.get(name).and_then(Value::as_object);
        map.map(|map| map.keys().map(String::as_str).collect()).unwrap_or_default()
    }
}

impl Clerk {
    pub(crate) fn add(&mut self, id: &str) {
        self.add_with(id, json!({}), json!({}));
    }

    pub(crate) fn add_with(&mut self, id: &str, public: Value, private: Value) {
        self.subjects.insert(id.to_owned(), FakeSubject { public, private });
    }

    /// Empties the list of a subject's customers, as other code might.
    pub(crate) fn empty_list(&mut self, id: &str) {
        if let Some(private) = self.subjects.get_mut(id).and_then(|subject| subject.private.as_object_mut()) {
            private.insert("stripe_customers".to_owned(), json!({}));
        }
    }

    /// Responds to a request to `/v1/users`, `/v1/users/{id}`, `…/metadata`, or the same of organizations.
    pub(crate) fn respond(&mut self, method: &str, path: &str, query: &str, body: &[u8]) -> FakeResponse {
        let segments: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        if segments == ["billing", "subscription_items"] {
            let items: Vec<Value> = self.billing.iter().map(|(payer, item)| item.show(payer)).collect();
            return FakeResponse::new(200, json!({"data": items, "total_count": items.len()}).to_string());
        }
        if let [kind] = segments.as_slice() {
            return self.list(kind, query);
        }
        let (kind, id) = (segments[0], segments[1]);
        let fits =
            matches!((kind, id.split('_').next()), ("users", Some("user")) | ("organizations", Some("org")));
        let Some(subject) = self.subjects.get_mut(id).filter(|_| fits) else { return not_found() };
        match (method, segments.get(2)) {
            ("GET", None) => {}
            ("GET", Some(&"billing")) => {
                let Some(item) = self.billing.get(id) else { return not_found() };
                let default = json!({
                    "id": "csub_item_0", "status": "active", "plan": {"slug": "free_user", "is_default": true},
                });
                let items = [default, item.show(id)];
                let shown = json!({"object": "commerce_subscription", "subscription_items": items});
                return FakeResponse::new(200, shown.to_string());
            }
            ("PATCH", Some(&"metadata")) => {
                let patch: Value = serde_json::from_slice(body).unwrap();
                merge(&mut subject.public, patch.get("public_metadata"));
                merge(&mut subject.private, patch.get("private_metadata"));
                self.writes += 1;
            }
            _ => panic!("Clerk has no {method} {path} here"),
        }
        FakeResponse::new(200, shown(id, subject).to_string())
    }

    fn list(&self, kind: &str, query: &str) -> FakeResponse {
        let number = |name: &str| {
            let pair = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
            pair.unwrap().1.parse::<usize>().unwrap()
        };
        let prefix = if kind == "users" { "user_" } else { "org_" };
        let members = self.subjects.iter().filter(|(id, _)| id.starts_with(prefix));
        let page = members.skip(number("offset")).take(number("limit"));
        let page: Vec<Value> = page.map(|(id, subject)| shown(id, subject)).collect();
        let body = if kind == "users" { json!(page) } else { json!({"data": page, "total_count": 0}) };
        FakeResponse::new(200, body.to_string())
    }
}

fn not_found() -> FakeResponse {
    let body = r#"{"errors":[{"code":"resource_not_found","message":"not found"}]}"#;
    FakeResponse::new(404, body.to_owned())
}

fn shown(id: &str, subject: &FakeSubject) -> Value {
    json!({"id": id, "public_metadata": subject.public, "private_metadata": subject.private})
}

/// Merges a patch: objects at every depth, null removes a key, all else replaces.
fn merge(into: &mut Value, patch: Option<&Value>) {
    let Some(patch) = patch else { return };
    let Value::Object(members) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    let object = into.as_object_mut().unwrap();
    for (name, value) in members {
        match value {
            Value::Null => {
                object.remove(name);
            }
            value => merge(object.entry(name.clone()).or_insert(Value::Null), Some(value)),
        }
    }
}
