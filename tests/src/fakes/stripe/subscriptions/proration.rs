//! Computes the cost of a change of items: <https://docs.stripe.com/billing/subscriptions/prorations>.

use super::super::account::Account;
use super::super::calendar::period_end;
use super::super::endpoints::Call;
use super::super::error::StripeError;
use super::super::model::{InvoiceLine, Item, Price, Recurrence, Subscription};

/// The handling of prorations: <https://docs.stripe.com/billing/subscriptions/prorations>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum ProrationBehavior {
    AlwaysInvoice,
    CreateProrations,
    /// Stripe's `none`.
    Nothing,
}

/// A change of items with its costs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct PlannedChange {
    /// The items after it, with their periods.
    pub(in super::super) items: Vec<Item>,
    /// The lines of an invoice that is made at once.
    pub(in super::super) lines: Vec<InvoiceLine>,
    /// The lines for the next invoice.
    pub(in super::super) later_lines: Vec<InvoiceLine>,
}

impl Call<'_> {
    pub(in super::super) fn proration_behavior(&self, name: &str) -> Result<ProrationBehavior, StripeError> {
        Ok(match self.parameters.one_of(name, &["always_invoice", "create_prorations", "none"])? {
            Some("always_invoice") => ProrationBehavior::AlwaysInvoice,
            Some("none") => ProrationBehavior::Nothing,
            _ => ProrationBehavior::CreateProrations,
        })
    }

    /// Reads the time from which prorations count: within the current period, and now unless it is given.
    pub(in super::super) fn proration_date(&self, name: &str, of: &Subscription) -> Result<i64, StripeError> {
        let Some(at) = self.parameters.integer(name, 0..=i64::MAX)? else { return Ok(self.account.now) };
        if of.items.iter().any(|item| at < item.current_period_start || at > item.current_period_end) {
            let message = "Cannot specify a `proration_date` outside of the subscription's current period.";
            return Err(StripeError::invalid_value(name, message.to_owned()));
        }
        Ok(at)
    }
}

/// Returns the part of an amount that is left of a period at a time, rounded to the nearest.
fn part_left(amount: i64, (start, end): (i64, i64), at: i64) -> i64 {
    let (left, whole) = (i128::from(end - at.clamp(start, end)), i128::from((end - start).max(1)));
    let doubled = 2 * i128::from(amount) * left + whole;
    i64::try_from(doubled.div_euclid(2 * whole)).expect("a part of an amount")
}

impl Account {
    /// Plans a change of items at a time (Unix seconds).
    pub(in super::super) fn planned_change(
        &self,
        of: &Subscription,
        items: &[Item],
        behavior: ProrationBehavior,
        at: i64,
    ) -> PlannedChange {
        let mut planned = PlannedChange::default();
        let (mut credits, mut debits, mut starts_anew) = (Vec::new(), Vec::new(), false);
        let common = of.items.first().map_or((at, at), Item::period);
        for item in items {
            let before = of.items.iter().find(|before| before.id == item.id);
            let mut item = item.clone();
            let is_same = |b: &&Item| (&b.price, b.quantity) == (&item.price, item.quantity);
            if before.is_some_and(|before| is_same(&before)) {
                planned.items.push(item);
                continue;
            }
            let period = before.map_or(common, Item::period);
            credits.extend(before.map(|before| self.credit(before, at)));
            if of.status != "trialing" && self.changes_interval(of, &item) {
                let Recurrence { interval, interval_count } = self.recurrence(&item);
                starts_anew = true;
                item.set_period((self.now, period_end(self.now, &interval, interval_count)));
                debits.push(self.item_line(&item));
            } else {
                item.set_period(period);
                debits.push(self.debit(&item, at));
            }
            planned.items.push(item);
        }
        let is_removed = |before: &&Item| items.iter().all(|item| item.id != before.id);
        credits.extend(of.items.iter().filter(is_removed).map(|before| self.credit(before, at)));
        if behavior == ProrationBehavior::Nothing {
            credits.clear();
            debits.retain(|line| !line.is_proration);
        }
        if of.status == "trialing" {
            return planned;
        }
        credits.extend(debits);
        if starts_anew || behavior == ProrationBehavior::AlwaysInvoice {
            planned.lines = credits;
        } else {
            planned.later_lines = credits;
        }
        planned
    }

    /// Returns the line for an item's whole period.
    pub(in super::super) fn item_line(&self, item: &Item) -> InvoiceLine {
        let line = self.line(&item.price, i64::from(item.quantity), item.period());
        InvoiceLine { item: Some(item.id.clone()), ..line }
    }

    /// Returns how often an item is paid.
    pub(in super::super) fn recurrence(&self, item: &Item) -> Recurrence {
        let price: &Price = self.find(&item.price).expect("the price of an item exists");
        price.recurring.clone().expect("the price of an item recurs")
    }

    fn changes_interval(&self, of: &Subscription, item: &Item) -> bool {
        of.items.first().is_some_and(|first| self.recurrence(first) != self.recurrence(item))
    }

    fn credit(&self, item: &Item, at: i64) -> InvoiceLine {
        let line = self.debit(item, at);
        let description = line.description.replacen("Remaining", "Unused", 1);
        InvoiceLine { amount: -line.amount, description, ..line }
    }

    fn debit(&self, item: &Item, at: i64) -> InvoiceLine {
        let line = self.item_line(item);
        InvoiceLine {
            amount: part_left(line.amount, item.period(), at),
            description: format!("Remaining time on {}", line.description),
            period: (at, item.current_period_end),
            is_proration: true,
            ..line
        }
    }
}

#[cfg(test)]
mod tests {
    use super::part_left;

    #[test]
    fn a_part_is_rounded_to_the_nearest_and_never_more_than_the_whole() {
        for (why, amount, at, want) in [
            ("the start", 2000, 100, 2000),
            ("before the start", 2000, 0, 2000),
            ("half", 2000, 150, 1000),
            ("rounded up", 5, 150, 3),
            ("rounded down", 10, 174, 3),
            ("the end", 2000, 200, 0),
            ("after the end", 2000, 300, 0),
        ] {
            assert_eq!(part_left(amount, (100, 200), at), want, "{why}");
        }
    }
}
