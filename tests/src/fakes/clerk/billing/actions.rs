//! What payers, the dashboard, and the time do at Clerk Billing, and the events of that.

use std::sync::atomic::{AtomicU64, Ordering};

use super::events::{self, ClerkEvent};
use super::model::{BillingItem, BillingPlan, BillingState, BillingSubscription, BillingSwitch, MONTH_MS};
use crate::fakes::clerk::FakeClerk;
use crate::fakes::server::unix_now;

/// The number of events that all fakes of this process have created.
static EVENTS: AtomicU64 = AtomicU64::new(0);

impl BillingState {
    fn now_ms(&self) -> i64 {
        self.now_ms.unwrap_or_else(|| unix_now() * 1_000)
    }

    fn next_number(&mut self) -> u64 {
        self.created += 1;
        self.created
    }

    fn emit(&mut self, kind: &str, object: serde_json::Value) {
        let number = EVENTS.fetch_add(1, Ordering::Relaxed);
        let id = format!("msg_{:x}t{number:08}", std::process::id());
        let now = self.now_ms() / 1_000;
        self.events.push(ClerkEvent::new(&id, kind, now, object));
    }

    fn emit_item(&mut self, kind: &str, payer: &str, item: &str) {
        let of = self.find(payer).expect("a subscription");
        let each = of.items.iter().find(|each| each.id == item).expect("an item");
        let object = events::subscription_item(of, each);
        self.emit(&format!("subscriptionItem.{kind}"), object);
    }

    fn emit_subscription(&mut self, kind: &str, payer: &str) {
        let object = events::subscription(self.find(payer).expect("a subscription"));
        self.emit(&format!("subscription.{kind}"), object);
    }

    fn plan(&self, slug: &str) -> BillingPlan {
        let plan = self.plans.iter().find(|plan| plan.slug == slug);
        plan.unwrap_or_else(|| panic!("Clerk Billing has no plan {slug}")).clone()
    }

    fn new_item(&mut self, plan: BillingPlan, status: &str, period_start: i64) -> BillingItem {
        let created_at = self.now_ms();
        BillingItem {
            id: format!("csub_item_{:06}", self.next_number()),
            status: status.to_owned(),
            period_end: (!plan.is_default).then_some(period_start + MONTH_MS),
            plan: Some(plan),
            is_free_trial: false,
            period_start,
            canceled_at: None,
            past_due_at: None,
            ended_at: None,
            created_at,
        }
    }

    /// Returns the subscription of a payer. A new one begins with the default plan, if there is one.
    fn open(&mut self, payer: &str) -> &mut BillingSubscription {
        let index = match self.subscriptions.iter().position(|of| of.payer == payer) {
            Some(index) => index,
            None => {
                let (now, number) = (self.now_ms(), self.next_number());
                let is_organization = payer.starts_with("org_");
                let default =
                    |plan: &&BillingPlan| plan.is_default && plan.for_organizations == is_organization;
                let default = self.plans.iter().find(default).cloned();
                let items = default.map(|plan| self.new_item(plan, "active", now)).into_iter().collect();
                self.subscriptions.push(BillingSubscription {
                    id: format!("csub_{number:06}"),
                    payer: payer.to_owned(),
                    created_at: now,
                    past_due_at: None,
                    items,
                });
                self.emit_subscription("created", payer);
                self.subscriptions.len() - 1
            }
        };
        &mut self.subscriptions[index]
    }

    /// Changes the items that `which` selects, and emits an event of each.
    fn change(
        &mut self,
        payer: &str,
        kind: &str,
        which: impl Fn(&BillingItem) -> bool,
        change: impl Fn(&mut BillingItem),
    ) {
        let mut changed = Vec::new();
        for item in self.open(payer).items.iter_mut().filter(|item| which(item)) {
            change(item);
            changed.push(item.id.clone());
        }
        changed.iter().for_each(|item| self.emit_item(kind, payer, item));
    }

    fn end_items(&mut self, payer: &str, which: impl Fn(&BillingItem) -> bool) {
        let now = self.now_ms();
        self.change(payer, "ended", which, |item| {
            (item.status, item.ended_at, item.past_due_at) = ("ended".to_owned(), Some(now), None);
        });
        let of = self.open(payer);
        of.past_due_at = of.past_due_at.filter(|_| of.items.iter().any(|item| item.status == "past_due"));
    }

    fn set_default(&mut self, payer: &str, status: &str) {
        let kind = if status == "upcoming" { "upcoming" } else { "active" };
        let differs = |item: &BillingItem| item.is_default() && item.status != status;
        match status {
            "ended" => {
                let items = &mut self.open(payer).items;
                items
                    .iter_mut()
                    .filter(|item| item.is_default())
                    .for_each(|item| item.status = "ended".to_owned());
            }
            status => self.change(payer, kind, differs, |item| item.status = status.to_owned()),
        }
    }

    fn subscribe(&mut self, payer: &str, slug: &str, trial_days: Option<i64>) {
        let (plan, now) = (self.plan(slug), self.now_ms());
        self.open(payer);
        self.end_items(payer, |item| item.is_current() || (item.status == "upcoming" && !item.is_default()));
        self.set_default(payer, "ended");
        let mut item = self.new_item(plan, "active", now);
        if let Some(days) = trial_days {
            (item.is_free_trial, item.period_end) = (true, Some(now + days * 86_400_000));
        }
        let id = item.id.clone();
        self.open(payer).items.push(item);
        self.emit_item("active", payer, &id);
        self.emit_subscription("updated", payer);
    }

    /// Ends what has been canceled, and begins what was to come.
    fn pass(&mut self) {
        let now = self.now_ms();
        let payers: Vec<String> = self.subscriptions.iter().map(|of| of.payer.clone()).collect();
        for payer in payers {
            let is_over = move |item: &BillingItem| {
                item.status == "canceled" && item.period_end.is_some_and(|end| end <= now)
            };
            let is_ending = self.open(&payer).items.iter().any(is_over);
            if is_ending {
                self.end_items(&payer, is_over);
                self.change(
                    &payer,
                    "active",
                    |item| item.status == "upcoming",
                    |item| item.status = "active".to_owned(),
                );
                self.emit_subscription("updated", &payer);
            }
            let renews = move |item: &BillingItem| {
                item.status == "active" && item.period_end.is_some_and(|end| end <= now)
            };
            self.change(&payer, "updated", renews, |item| {
                let ended = item.period_end.unwrap_or(now);
                item.period_start = ended + (now - ended) / MONTH_MS * MONTH_MS;
                (item.period_end, item.is_free_trial) = (Some(item.period_start + MONTH_MS), false);
            });
        }
    }
}

impl FakeClerk {
    /// Switches Billing of the instance on or off.
    pub fn set_billing(&self, switch: BillingSwitch) {
        self.state().billing.switch = switch;
    }

    /// Adds a plan, or replaces the plan with the same slug.
    pub fn put_billing_plan(&self, plan: BillingPlan) {
        let plans = &mut self.state().billing.plans;
        plans.retain(|present| present.slug != plan.slug);
        plans.push(plan);
    }

    /// Creates the billing subscription of a user or an organization, as at sign-up.
    pub fn open_billing(&self, payer: &str) {
        self.state().billing.open(payer);
    }

    /// Begins a plan at once; the present one ends.
    pub fn subscribe(&self, payer: &str, slug: &str) {
        self.state().billing.subscribe(payer, slug, None);
    }

    /// Begins a free trial of a plan.
    pub fn start_free_trial(&self, payer: &str, slug: &str, days: i64) {
        let billing = &mut self.state().billing;
        billing.subscribe(payer, slug, Some(days));
        if days <= 3 {
            let trial = billing.open(payer).items.iter().find(|item| item.is_free_trial);
            let id = trial.map(|item| item.id.clone()).expect("the trial");
            billing.emit_item("freeTrialEnding", payer, &id);
        }
    }

    /// Lets another plan follow at the end of the period.
    pub fn subscribe_at_period_end(&self, payer: &str, slug: &str) {
        let billing = &mut self.state().billing;
        let end =
            billing.open(payer).items.iter().find(|item| item.is_current()).and_then(|item| item.period_end);
        billing.cancel_current(payer);
        let (plan, now) = (billing.plan(slug), billing.now_ms());
        let item = billing.new_item(plan, "upcoming", end.unwrap_or(now));
        let id = item.id.clone();
        billing.open(payer).items.push(item);
        billing.emit_item("upcoming", payer, &id);
        billing.emit_subscription("updated", payer);
    }

    /// Cancels the present plan at the end of its period; the default plan follows.
    pub fn cancel_billing(&self, payer: &str) {
        let billing = &mut self.state().billing;
        billing.cancel_current(payer);
        billing.set_default(payer, "upcoming");
        billing.emit_subscription("updated", payer);
    }

    /// Ends the present plan at once; the default plan follows.
    pub fn end_billing(&self, payer: &str) {
        let billing = &mut self.state().billing;
        billing
            .end_items(payer, |item| item.is_current() || (item.status == "upcoming" && !item.is_default()));
        billing.set_default(payer, "active");
        billing.emit_subscription("updated", payer);
    }

    /// Lets the payment of the present plan fail.
    pub fn fail_billing_payment(&self, payer: &str) {
        let billing = &mut self.state().billing;
        let now = billing.now_ms();
        billing.open(payer).past_due_at = Some(now);
        billing.change(
            payer,
            "pastDue",
            |item| item.is_current() && item.status == "active",
            |item| {
                (item.status, item.past_due_at) = ("past_due".to_owned(), Some(now));
            },
        );
        billing.emit_subscription("pastDue", payer);
        billing.emit_attempt(payer, "past_due", false);
    }

    /// Pays what is due.
    pub fn pay_billing(&self, payer: &str) {
        let billing = &mut self.state().billing;
        billing.emit_attempt(payer, "past_due", true);
        billing.open(payer).past_due_at = None;
        billing.change(
            payer,
            "active",
            |item| item.status == "past_due",
            |item| {
                (item.status, item.past_due_at) = ("active".to_owned(), None);
            },
        );
        billing.emit_subscription("active", payer);
    }

    /// Changes the items of a payer in a way that Clerk's own actions do not; emits `subscription.updated`.
    pub fn edit_billing_items(&self, payer: &str, change: impl Fn(&mut BillingItem)) {
        let billing = &mut self.state().billing;
        billing.open(payer).items.iter_mut().for_each(change);
        billing.emit_subscription("updated", payer);
    }

    /// Sets the time of Clerk Billing (Unix seconds), and lets happen what was due until then.
    pub fn advance_billing_to(&self, now: i64) {
        let billing = &mut self.state().billing;
        billing.now_ms = Some(now * 1_000);
        billing.pass();
    }

    /// Takes the events since this was last called.
    pub fn take_billing_events(&self) -> Vec<ClerkEvent> {
        std::mem::take(&mut self.state().billing.events)
    }

    /// Returns the items of a payer.
    pub fn billing_items(&self, payer: &str) -> Vec<BillingItem> {
        self.state().billing.find(payer).map(|of| of.items.clone()).unwrap_or_default()
    }
}

impl BillingState {
    fn cancel_current(&mut self, payer: &str) {
        let now = self.now_ms();
        let which = |item: &BillingItem| item.is_current() && item.status == "active";
        self.change(payer, "canceled", which, |item| {
            (item.status, item.canceled_at) = ("canceled".to_owned(), Some(now));
        });
    }

    fn emit_attempt(&mut self, payer: &str, status: &str, paid: bool) {
        let (now, number) = (self.now_ms(), self.next_number());
        let of = self.find(payer).expect("a subscription");
        let attempt = of.items.iter().find(|item| item.status == status);
        let attempt =
            attempt.map(|item| events::payment_attempt(&format!("pa_{number:06}"), of, item, paid, now));
        if let Some(attempt) = attempt {
            self.emit("paymentAttempt.updated", attempt);
        }
    }
}
