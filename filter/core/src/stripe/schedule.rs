//! Subscription schedules: the phases that a subscription goes through, and who made the schedule.

use super::object::{Metadata, UnreadableError};
use super::wire::{self, Object};
use crate::ids::ScheduleId;
use crate::time::Micros;

/// The metadata of a schedule of Tollgate's: `source=tollgate`.
pub(crate) const SOURCE: (&str, &str) = ("source", "tollgate");

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// The id.
    pub(crate) id: ScheduleId,
    /// The creation time, in seconds since the Unix epoch.
    pub(crate) created_s: u64,
    /// Whether its metadata says that Tollgate made it.
    pub(crate) is_marked: bool,
    /// Whether its metadata says that something else made it.
    pub(crate) has_other_source: bool,
    /// Whether it has been neither released, canceled, nor completed.
    pub(crate) is_in_force: bool,
    /// The phases, the earliest first.
    pub(crate) phases: Vec<SchedulePhase>,
}

/// A phase of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SchedulePhase {
    /// Its start, in seconds since the Unix epoch.
    pub(crate) start_s: u64,
    /// Its end, in seconds since the Unix epoch.
    pub(crate) end_s: u64,
    /// The prices of its items, each with its quantity if it has one.
    pub(crate) items: Vec<PhaseItem>,
    /// The end of the trial, in seconds since the Unix epoch.
    pub(crate) trial_end_s: Option<u64>,
    /// The discounts of all items.
    pub(crate) discounts: Vec<PhaseDiscount>,
    /// The ids of the tax rates of items that have none of their own.
    pub(crate) default_tax_rates: Vec<String>,
}

/// A discount: the kind of its id (`discount`, `promotion_code`, or `coupon`), and the id.
pub(crate) type PhaseDiscount = (&'static str, String);

/// An item of a phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PhaseItem {
    /// The price's id.
    pub(crate) price: String,
    /// The quantity; `None` for a metered price.
    pub(crate) quantity: Option<u64>,
    /// The discounts of this item.
    pub(crate) discounts: Vec<PhaseDiscount>,
    /// The ids of the item's tax rates.
    pub(crate) tax_rates: Vec<String>,
}

impl Schedule {
    /// Parses a schedule.
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not a schedule.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, UnreadableError> {
        let body = wire::value(body)?;
        let object = Object::from_value(&body)?;
        let metadata: Metadata = object.metadata()?;
        let source = metadata.get(SOURCE.0);
        let phases = match object.member("phases").and_then(serde_json::Value::as_array) {
            Some(phases) => phases
                .iter()
                .map(|phase| SchedulePhase::read(Object::from_value(phase)?))
                .collect::<Result<_, _>>()?,
            None => return Err(UnreadableError("phases")),
        };
        Ok(Schedule {
            id: ScheduleId::parse(object.needed_text("id")?).map_err(|_| UnreadableError("id"))?,
            created_s: object.needed_number("created")?,
            is_in_force: matches!(object.text("status")?, Some("active" | "not_started")),
            is_marked: source == Some(SOURCE.1),
            has_other_source: source.is_some_and(|source| source != SOURCE.1),
            phases,
        })
    }

    /// Returns the phase that follows the current one, if there is one.
    pub(crate) fn next_phase(&self, now: Micros) -> Option<&SchedulePhase> {
        self.phases.iter().find(|phase| phase.start_s > now.as_secs())
    }

    /// Returns the phase at `now`.
    pub(crate) fn current_phase(&self, now: Micros) -> Option<&SchedulePhase> {
        let now_s = now.as_secs();
        self.phases.iter().find(|phase| phase.start_s <= now_s && now_s < phase.end_s).or(self.phases.first())
    }
}

impl SchedulePhase {
    fn read(object: Object<'_>) -> Result<Self, UnreadableError> {
        let items =
            object.member("items").and_then(serde_json::Value::as_array).ok_or(UnreadableError("items"))?;
        let item = |item| {
            let item = Object::from_value(item)?;
            let price = item.id_of("price")?.ok_or(UnreadableError("price"))?.to_owned();
            Ok(PhaseItem {
                price,
                quantity: item.number("quantity")?,
                discounts: discounts(item),
                tax_rates: ids(item, "tax_rates"),
            })
        };
        Ok(SchedulePhase {
            start_s: object.needed_number("start_date")?,
            end_s: object.needed_number("end_date")?,
            items: items.iter().map(item).collect::<Result<_, _>>()?,
            trial_end_s: object.number("trial_end")?,
            discounts: discounts(object),
            default_tax_rates: ids(object, "default_tax_rates"),
        })
    }
}

/// Returns the ids in a list of objects, which may be expanded.
fn ids(object: Object<'_>, member: &str) -> Vec<String> {
    let listed = object.member(member).and_then(serde_json::Value::as_array).into_iter().flatten();
    listed
        .filter_map(|entry| Some(entry.as_str().or_else(|| entry.get("id")?.as_str())?.to_owned()))
        .collect()
}

/// Returns the discounts of a phase or an item, each by the most specific of its ids.
fn discounts(object: Object<'_>) -> Vec<PhaseDiscount> {
    let discounts = object.member("discounts").and_then(serde_json::Value::as_array).into_iter().flatten();
    let id = |discount: &serde_json::Value| {
        ["discount", "promotion_code", "coupon"].into_iter().find_map(|kind| {
            let id = discount.get(kind)?;
            let id = id.as_str().or_else(|| id.get("id")?.as_str())?;
            Some((kind, id.to_owned()))
        })
    };
    discounts.filter_map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_and_the_next_phase_depend_on_the_time() {
        let body = br#"{"id": "sub_sched_1", "created": 5, "metadata": {"source": "tollgate"}, "phases": [
            {"start_date": 10, "end_date": 20, "items": [{"price": "price_a", "quantity": 2}], "trial_end": 15,
             "discounts": [{"coupon": "half", "discount": "di_1", "promotion_code": null}]},
            {"start_date": 20, "end_date": 30, "default_tax_rates": [{"id": "txr_1"}],
             "items": [{"price": {"id": "price_b"}, "quantity": null, "tax_rates": [{"id": "txr_2"}, "txr_3"],
                        "discounts": [{"coupon": "half", "discount": null}]}]}]}"#;
        let schedule = Schedule::parse(body).unwrap();
        assert!(schedule.is_marked && !schedule.has_other_source);
        let current = |at_s| schedule.current_phase(Micros::from_secs(at_s)).map(|phase| phase.start_s);
        let next = |at_s| schedule.next_phase(Micros::from_secs(at_s)).map(|phase| phase.start_s);
        assert_eq!((current(10), next(10)), (Some(10), Some(20)));
        assert_eq!((current(20), next(20)), (Some(20), None));
        let phase = &schedule.phases[0];
        assert_eq!(
            (phase.trial_end_s, &phase.discounts[..]),
            (Some(15), &[("discount", "di_1".to_owned())][..])
        );
        let item = PhaseItem {
            price: "price_b".to_owned(),
            quantity: None,
            discounts: vec![("coupon", "half".to_owned())],
            tax_rates: vec!["txr_2".to_owned(), "txr_3".to_owned()],
        };
        assert_eq!(schedule.phases[1].items, [item]);
        assert_eq!(schedule.phases[1].default_tax_rates, ["txr_1"]);
    }

    #[test]
    fn a_schedule_without_phases_is_refused() {
        for body in [&b"{}"[..], br#"{"id": "sub_sched_1", "created": 5}"#, b"[]", b"<html>"] {
            assert!(Schedule::parse(body).is_err(), "{}", body.escape_ascii());
        }
    }
}
