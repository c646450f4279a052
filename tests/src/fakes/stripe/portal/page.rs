//! The page of the customer portal, on which customers cancel, resume, and change their subscriptions.

use super::super::account::Account;
use super::super::calendar::Day;
use super::super::model::{Customer, PortalSession, Price, Product, Subscription};
use super::super::pages::{card_field, card_of, escaped, link, page, price_text, see_other};
use super::super::subscriptions::Cancellation;
use crate::fakes::server::{FakeResponse, Request};

/// Responds to a request for the portal; `None` if the path is not its own.
pub(in super::super) fn respond(account: &mut Account, request: &Request) -> Option<FakeResponse> {
    let secret = request.path.strip_prefix("/p/session/")?;
    let now = account.now;
    let found =
        account.newest_first(|session: &PortalSession| session.secret == secret && session.is_valid(now));
    let Some(session) = found.first().map(|session| (*session).clone()) else {
        let text = "<p>This link has expired. Please go back and open the portal again.</p>";
        return Some(page(404, "The session has expired", text));
    };
    account.find_mut::<PortalSession>(&session.id).expect("it was found").is_opened = true;
    if request.method != "POST" {
        return Some(page(200, "Billing", &account.portal_body(&session)));
    }
    Some(match account.portal_action(&session, request) {
        Ok(()) => see_other(&session.destination(&request.path)),
        Err(text) => page(400, "Something went wrong", &format!("<p>{text}</p>")),
    })
}

impl PortalSession {
    /// Returns where the customer is sent to after an action.
    fn destination(&self, page: &str) -> String {
        self.flow.as_ref().and_then(|flow| flow.redirect.clone()).unwrap_or_else(|| page.to_owned())
    }

    fn shows(&self, subscription: &Subscription) -> bool {
        let only = self.flow.as_ref().and_then(|flow| flow.subscription.as_ref());
        subscription.customer == self.customer
            && subscription.ended_at.is_none()
            && only.is_none_or(|id| *id == subscription.id)
    }
}

impl Account {
    fn portal_body(&self, session: &PortalSession) -> String {
        let kind = session.flow.as_ref().map(|flow| flow.kind.as_str());
        let mut body = String::new();
        for subscription in self.newest_first(|subscription: &Subscription| session.shows(subscription)) {
            body.push_str(&self.portal_entry(subscription, kind));
        }
        if matches!(kind, None | Some("payment_method_update")) {
            body.push_str(&form("card", "", &card_field(), "Save card"));
        }
        body + &link(session.return_url.as_deref(), "Return")
    }

    fn portal_entry(&self, subscription: &Subscription, kind: Option<&str>) -> String {
        let mut entry = String::from("<section>");
        for item in &subscription.items {
            let name = escaped(&self.item_line(item).description);
            entry.push_str(&format!(
                "<p>{name}, {}{}</p>",
                escaped(&subscription.status),
                end_text(subscription)
            ));
        }
        if subscription.schedule.is_none() && !matches!(kind, Some("payment_method_update")) {
            let id = &subscription.id;
            if subscription.cancel_at.is_some() {
                entry.push_str(&form("resume", id, "", "Resume plan"));
            } else if kind != Some("subscription_update") {
                entry.push_str(&form("cancel", id, "", "Cancel plan"));
            }
            if kind != Some("subscription_cancel") {
                entry.push_str(&form("change", id, &self.price_field(subscription), "Change plan"));
            }
        }
        entry + "</section>"
    }

    fn price_field(&self, of: &Subscription) -> String {
        let currency = self.currency(of);
        let current = of.items.first().map(|item| &item.price);
        let is_sold = |price: &Price| price.active && price.recurring.is_some() && price.currency == currency;
        let option = |price: &Price| {
            let product = self.find::<Product>(&price.product).map_or("", |product| &product.name);
            let (id, product) = (escaped(&price.id), escaped(product));
            let selected = if current == Some(&price.id) { " selected" } else { "" };
            format!("<option value=\"{id}\"{selected}>{product}, {}</option>", price_text(price))
        };
        let options: String = self.newest_first(is_sold).into_iter().map(option).collect();
        format!("<label>Plan <select name=\"price\">{options}</select></label>")
    }

    /// Does what a button says; an error is a text for the customer.
    fn portal_action(&mut self, session: &PortalSession, request: &Request) -> Result<(), &'static str> {
        let fields = request.form();
        let field =
            |name: &str| fields.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str());
        if field("action") == "card" {
            let change = |customer: &mut Customer| customer.card = card_of(request);
            self.emit_change("customer.updated", &session.customer, change);
            return Ok(());
        }
        let found = self.find::<Subscription>(field("subscription"));
        let subscription = found.filter(|s| session.shows(s) && s.schedule.is_none());
        let id = subscription.ok_or("This subscription cannot be changed here.")?.id.clone();
        match field("action") {
            "cancel" => self.cancel_in_portal(&id),
            "resume" => self.cancel_or_resume(&id, Cancellation::Never),
            "change" => return self.change_in_portal(&id, field("price")),
            _ => return Err("There is no such button."),
        }
        Ok(())
    }

    fn cancel_in_portal(&mut self, id: &str) {
        let end = self.subscription(id).period_end();
        // Subscriptions with flexible billing get a date:
        // https://docs.stripe.com/billing/subscriptions/cancel
        let cancellation =
            if self.portal_sets_cancel_at { Cancellation::At(end) } else { Cancellation::AtPeriodEnd };
        self.cancel_or_resume(id, cancellation);
    }

    fn cancel_or_resume(&mut self, id: &str, cancellation: Cancellation) {
        let now = self.now;
        let change = |subscription: &mut Subscription| subscription.set_cancellation(cancellation, now);
        self.emit_change("customer.subscription.updated", id, change);
    }

    fn change_in_portal(&mut self, id: &str, price: &str) -> Result<(), &'static str> {
        let is_sold = |price: &&Price| price.active && price.recurring.is_some();
        let price = self.find::<Price>(price).filter(is_sold).ok_or("This plan is not sold.")?.id.clone();
        self.change_price(id, &price).map_err(|_| "Your card was declined.")
    }
}

/// Returns when a canceled subscription ends: `, ends on 2026-12-29`; nothing for others.
fn end_text(subscription: &Subscription) -> String {
    subscription.cancel_at.map_or(String::new(), |at| {
        let Day { year, month, day } = Day::from_unix_s(at);
        format!(", ends on {year:04}-{month:02}-{day:02}")
    })
}

/// Returns a form with one button.
fn form(action: &str, subscription: &str, fields: &str, button: &str) -> String {
    format!(
        "<form method=\"post\"><input type=\"hidden\" name=\"action\" value=\"{action}\"><input type=\"hidden\" \
         name=\"subscription\" value=\"{}\">{fields}<button>{button}</button></form>",
        escaped(subscription)
    )
}
