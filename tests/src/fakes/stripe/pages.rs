//! The pages that Stripe hosts, on which customers pay: no key, only the id in the path. A form chooses how
//! the card behaves.

use super::account::Account;
use super::checkout::PaymentPageError;
use super::model::{Card, ChargeFailure, Price, Session};
use super::portal;
use crate::fakes::server::{FakeResponse, Request};

/// Responds to a request for a page; `None` if the path is not that of a page.
pub(super) fn respond(account: &mut Account, request: &Request) -> Option<FakeResponse> {
    let path: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
    match (request.method.as_str(), path.as_slice()) {
        ("GET", ["c", "pay", id]) => Some(account.checkout_page(id)),
        ("POST", ["c", "pay", id]) => Some(account.submit_checkout_page(id, card_of(request))),
        ("GET", ["i", id]) => Some(account.invoice_page(id, "")),
        ("POST", ["i", id]) => Some(account.submit_invoice_page(id, card_of(request))),
        ("GET", ["i", id, "pdf"]) => Some(account.invoice_pdf(id)),
        _ => portal::respond(account, request),
    }
}

/// The values of the form's field `card`.
const CARDS: [(&str, Card); 4] = [
    ("works", Card::Works),
    ("declines", Card::Declines),
    ("insufficient_funds", Card::InsufficientFunds),
    ("needs_authentication", Card::NeedsAuthentication),
];

/// Returns the card of a submitted form.
pub(super) fn card_of(request: &Request) -> Card {
    let form = request.form();
    let name = form.iter().find(|(name, _)| name == "card").map(|(_, value)| value.as_str());
    let card = CARDS.iter().find(|(value, _)| Some(*value) == name);
    card.map_or(Card::default(), |(_, card)| *card)
}

/// Returns a field with which a form chooses the behavior of the card.
pub(super) fn card_field() -> String {
    let option = |(value, _): &(&str, Card)| format!("<option>{value}</option>");
    let options: String = CARDS.iter().map(option).collect();
    format!("<label>Card <select name=\"card\">{options}</select></label>")
}

/// The head of each page, and its note that it is none of Stripe's. The icon keeps browsers from asking for one.
const HEAD: &str = r#"<meta charset="utf-8"><meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 24rem; margin: 3rem auto; padding: 0 1rem; }
ul { padding: 0; list-style: none; }
form { display: grid; gap: 0.75rem; margin: 1.5rem 0; }
button, select { padding: 0.5rem 0.75rem; font: inherit; }
</style>"#;
const NOTE: &str = "<p><small>This page stands for one of Stripe. No card is charged.</small></p>";

/// Returns a page. The text of title and body is markup.
pub(super) fn page(status: u16, title: &str, body: &str) -> FakeResponse {
    let html = format!(
        "<!doctype html><html lang=\"en\"><title>{title}</title>{HEAD}<h1>{title}</h1>{body}{NOTE}</html>\n"
    );
    FakeResponse {
        status,
        headers: vec![
            ("content-type".to_owned(), "text/html; charset=utf-8".to_owned()),
            ("cache-control".to_owned(), "no-store".to_owned()),
        ],
        body: html.into_bytes(),
    }
}

/// Returns a redirect after a form was submitted.
pub(super) fn see_other(url: &str) -> FakeResponse {
    FakeResponse { status: 303, headers: vec![("location".to_owned(), url.to_owned())], body: Vec::new() }
}

/// Escapes text for markup.
pub(super) fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

/// Formats an amount with two decimals and its currency: `20.00 USD`.
pub(super) fn amount(amount: i64, currency: &str) -> String {
    format!("{}.{:02} {}", amount / 100, amount % 100, currency.to_uppercase())
}

/// Returns the text for a card that was not charged.
pub(super) fn failure_text(failure: ChargeFailure) -> &'static str {
    match failure {
        ChargeFailure::Declined(_, message) => message,
        ChargeFailure::AuthenticationRequired => "Your bank requires that you authenticate this payment.",
        ChargeFailure::NoCard => "Your card number is incomplete.",
    }
}

impl Account {
    fn checkout_page(&self, id: &str) -> FakeResponse {
        match self.find::<Session>(id) {
            Some(session) if session.url.is_some() && session.expires_at > self.now => {
                page(200, "Checkout", &self.checkout_form(session, ""))
            }
            Some(_) => page(200, "You're all done here", "<p>The session is complete or has expired.</p>"),
            None => page(404, "Something went wrong", "<p>The page could not be found.</p>"),
        }
    }

    fn submit_checkout_page(&mut self, id: &str, card: Card) -> FakeResponse {
        if self.find::<Session>(id).is_none() {
            return self.checkout_page(id);
        }
        match self.pay_session(id, card) {
            Ok(url) => see_other(&url),
            Err(PaymentPageError::NotOpen(_)) => self.checkout_page(id),
            Err(PaymentPageError::NotCharged(failure)) => {
                let session = self.find::<Session>(id).expect("it was just paid");
                page(402, "Checkout", &self.checkout_form(session, failure_text(failure)))
            }
        }
    }

    fn checkout_form(&self, session: &Session, problem: &str) -> String {
        let mut body = String::from("<ul>");
        for item in &session.line_items {
            let price: &Price = self.find(&item.price).expect("the price exists");
            let name = escaped(&self.line(&item.price, item.quantity, (0, 0)).description);
            let every = price.recurring.as_ref().map_or(String::new(), |recurrence| {
                format!(" every {} {}", recurrence.interval_count, recurrence.interval)
            });
            let amount = amount(price.unit_amount, &price.currency);
            body.push_str(&format!("<li>{name}: {amount}{every}</li>"));
        }
        let total = amount(session.amount_total, &session.currency);
        body.push_str(&format!("</ul><p>Due today: {total}</p>"));
        if let Some(days) = session.settings.trial_days {
            body.push_str(&format!("<p>{days} days free</p>"));
        }
        if !problem.is_empty() {
            body.push_str(&format!("<p role=\"alert\">{problem}</p>"));
        }
        let field = card_field();
        body.push_str(&format!("<form method=\"post\">{field}<button>Pay</button></form>"));
        if let Some(url) = &session.cancel_url {
            body.push_str(&format!("<a href=\"{}\">Back</a>", escaped(url)));
        }
        body
    }
}
