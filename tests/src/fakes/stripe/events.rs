//! Events as Stripe sends them to a webhook endpoint: snapshots with a whole object, and thin events without.

use serde_json::{Map, Value, json};

use super::calendar::{DAY_S, Day};
use super::{API_VERSION, sign};

/// An event. `json` can be changed before it is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The body.
    pub json: Value,
}

impl Event {
    /// Returns an event with a snapshot of the object: <https://docs.stripe.com/api/events/object>. `created`
    /// is in Unix seconds.
    pub fn snapshot(id: &str, kind: &str, created: i64, livemode: bool, object: Value) -> Self {
        let json = json!({
            "id": id,
            "object": "event",
            "api_version": API_VERSION,
            "created": created,
            "data": {"object": object},
            "livemode": livemode,
            "pending_webhooks": 1,
            "request": {"id": null, "idempotency_key": null},
            "type": kind,
        });
        Event { json }
    }

    /// Returns an event that only names its object: <https://docs.stripe.com/event-destinations#thin-events>.
    pub fn thin(id: &str, kind: &str, created: i64, livemode: bool, related: &str) -> Self {
        let (related_kind, path) = match related.split('_').next() {
            Some("cus") => ("customer", "customers"),
            Some("in") => ("invoice", "invoices"),
            _ => ("subscription", "subscriptions"),
        };
        let json = json!({
            "id": id,
            "object": "v2.core.event",
            "created": rfc3339(created),
            "livemode": livemode,
            "context": null,
            "reason": null,
            "related_object": {"id": related, "type": related_kind, "url": format!("/v1/{path}/{related}")},
            "type": kind,
        });
        Event { json }
    }

    /// Sets the id.
    #[must_use]
    pub fn id(self, id: &str) -> Self {
        self.with("/id", json!(id))
    }

    /// Sets the creation time (Unix seconds).
    #[must_use]
    pub fn created(self, at: i64) -> Self {
        self.with("/created", json!(at))
    }

    /// Sets the mode.
    #[must_use]
    pub fn livemode(self, livemode: bool) -> Self {
        self.with("/livemode", json!(livemode))
    }

    /// Makes it an event of a connected account.
    #[must_use]
    pub fn account(mut self, id: &str) -> Self {
        self.json["account"] = json!(id);
        self
    }

    /// Sets the previous values of the changed fields, as `*.updated` events have them.
    #[must_use]
    pub fn previous_attributes(mut self, previous: Value) -> Self {
        self.json["data"]["previous_attributes"] = previous;
        self
    }

    /// Converts it to the form for an endpoint that is pinned to a version before 2025-03-31: a
    /// subscription's period is in the subscription and not in its items, and an invoice names its
    /// subscription directly.
    #[must_use]
    pub fn before_basil(mut self) -> Self {
        self.json["api_version"] = json!("2024-06-20");
        let object = &mut self.json["data"]["object"];
        if object["object"] == "subscription" {
            let mut period = [Value::Null, Value::Null];
            for item in object["items"]["data"].as_array_mut().into_iter().flatten() {
                let Value::Object(item) = item else { continue };
                period = ["current_period_start", "current_period_end"]
                    .map(|f| item.remove(f).unwrap_or_default());
            }
            [object["current_period_start"], object["current_period_end"]] = period;
        } else if object["object"] == "invoice" {
            object["subscription"] = object["parent"]["subscription_details"]["subscription"].clone();
            object.as_object_mut().and_then(|invoice| invoice.remove("parent"));
        }
        self
    }

    /// Replaces the value at a JSON pointer.
    ///
    /// # Panics
    /// If there is no value at that pointer.
    #[must_use]
    pub fn with(mut self, pointer: &str, value: Value) -> Self {
        *self.json.pointer_mut(pointer).unwrap_or_else(|| panic!("the event has no {pointer}")) = value;
        self
    }

    /// Returns the event's id.
    pub fn event_id(&self) -> &str {
        self.json["id"].as_str().unwrap_or_default()
    }

    /// Returns the body, indented as Stripe's is.
    pub fn body(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(&self.json).expect("a JSON value can be written")
    }

    /// Returns the body and its `Stripe-Signature`, made with these secrets at that time (Unix seconds).
    pub fn signed(&self, secrets: &[&str], timestamp: i64) -> (Vec<u8>, String) {
        let body = self.body();
        let header = sign(secrets, timestamp, &body);
        (body, header)
    }
}

/// Returns the previous values of what changed: for metadata the changed keys (null for a new one), otherwise
/// the whole field.
pub(super) fn previous_attributes(before: &Value, after: &Value) -> Value {
    let mut previous = Map::new();
    for (name, new) in after.as_object().into_iter().flatten() {
        let old = &before[name];
        if old == new {
            continue;
        }
        let old = if name == "metadata" { previous_metadata(old, new) } else { old.clone() };
        previous.insert(name.clone(), old);
    }
    Value::Object(previous)
}

fn previous_metadata(old: &Value, new: &Value) -> Value {
    let keys = [old, new].into_iter().filter_map(Value::as_object).flat_map(Map::keys);
    let changed = keys.filter(|key| old[key.as_str()] != new[key.as_str()]);
    Value::Object(changed.map(|key| (key.clone(), old[key.as_str()].clone())).collect())
}

/// Formats a time as thin events do: `2024-09-17T06:20:52.000Z`.
fn rfc3339(unix_s: i64) -> String {
    let Day { year, month, day } = Day::from_unix_s(unix_s);
    let second_of_day = unix_s.rem_euclid(DAY_S);
    let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previous_attributes_are_the_old_values_of_changed_fields() {
        let before = json!({"id": "sub_1", "status": "active", "metadata": {"a": "1", "b": "2", "c": "3"}});
        let after = json!({"id": "sub_1", "status": "past_due", "metadata": {"a": "1", "b": "4", "d": "5"}});
        let want = json!({"status": "active", "metadata": {"b": "2", "c": "3", "d": null}});
        assert_eq!(previous_attributes(&before, &after), want);
        assert_eq!(previous_attributes(&after, &after), json!({}));
    }

    #[test]
    fn a_thin_event_names_its_object_and_has_its_time_as_text() {
        let event = Event::thin("evt_1", "v1.customer.subscription.updated", 1_726_554_052, false, "sub_1");
        let want = json!({
            "id": "evt_1",
            "object": "v2.core.event",
            "created": "2024-09-17T06:20:52.000Z",
            "livemode": false,
            "context": null,
            "reason": null,
            "related_object": {"id": "sub_1", "type": "subscription", "url": "/v1/subscriptions/sub_1"},
            "type": "v1.customer.subscription.updated",
        });
        assert_eq!(event.json, want);
        assert_eq!(rfc3339(951_827_696), "2000-02-29T12:34:56.000Z", "a leap day");
    }
}
