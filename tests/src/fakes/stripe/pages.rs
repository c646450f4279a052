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

/// The cards of the form's field `card`: its value, how the form shows it, and how it behaves. The numbers are
/// Stripe's: <https://docs.stripe.com/testing>.
const CARDS: [(&str, &str, Card); 4] = [
    ("works", "4242 4242 4242 4242, works", Card::Works),
    ("declines", "4000 0000 0000 0002, is declined", Card::Declines),
    ("insufficient_funds", "4000 0000 0000 9995, has insufficient funds", Card::InsufficientFunds),
    ("needs_authentication", "4000 0025 0000 3155, needs authentication", Card::NeedsAuthentication),
];

/// Returns the card of a submitted form.
pub(super) fn card_of(request: &Request) -> Card {
    let form = request.form();
    let name = form.iter().find(|(name, _)| name == "card").map(|(_, value)| value.as_str());
    let card = CARDS.iter().find(|(value, ..)| Some(*value) == name);
    card.map_or(Card::default(), |(_, _, card)| *card)
}

/// Returns a field with which a form chooses the behavior of the card.
pub(super) fn card_field() -> String {
    let option =
        |(value, shown, _): &(&str, &str, Card)| format!("<option value=\"{value}\">{shown}</option>");
    let options: String = CARDS.iter().map(option).collect();
    format!("<label>Card <select name=\"card\">{options}</select></label>")
}

/// The head of each page. The icon keeps browsers from asking for one.
const HEAD: &str = concat!(
    r#"<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">"#,
    r#"<link rel="icon" href="data:,"><style>"#,
    include_str!("page.css"),
    "</style>"
);

/// What each page says about itself.
const NOTICE: &str = r#"<p class="notice">This page stands in for Stripe&rsquo;s. No card is charged.</p>"#;

/// Returns a page. The text of title and body is markup.
pub(super) fn page(status: u16, title: &str, body: &str) -> FakeResponse {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head>{HEAD}<title>{title}</title></head>\
         <body><main>{NOTICE}<h1>{title}</h1>{body}</main></body></html>\n"
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

/// Returns a link; nothing without a URL.
pub(super) fn link(url: Option<&str>, text: &str) -> String {
    url.map_or(String::new(), |url| format!("<a href=\"{}\">{text}</a>", escaped(url)))
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

/// Formats a price: `20.00 USD a month`, `60.00 USD every 3 months`.
pub(super) fn price_text(price: &Price) -> String {
    let amount = amount(price.unit_amount, &price.currency);
    match &price.recurring {
        None => amount,
        Some(every) if every.interval_count == 1 => format!("{amount} a {}", every.interval),
        Some(every) => format!("{amount} every {} {}s", every.interval_count, every.interval),
    }
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
            Some(session) => {
                let link = link(session.cancel_url.as_deref(), "Return");
                let text = format!("<p>The session is complete or has expired.</p>{link}");
                page(200, "You're all done here", &text)
            }
            None => page(404, "Something went wrong", "<p>The page could not be found.</p>"),
        }
    }

    fn submit_checkout_page(&mut self, id: &str, card: Card) -> FakeResponse {
        match self.find::<Session>(id) {
            None => return self.checkout_page(id),
            // A double click on the button.
            Some(session) if session.status == "complete" => return see_other(&session.destination()),
            Some(_) => {}
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
            body.push_str(&format!("<li>{name}: {}</li>", price_text(price)));
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
        body + &link(session.cancel_url.as_deref(), "Back without paying")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_shown_with_its_interval() {
        let cases = [
            (Price::new("price_1").amount(2_000), "20.00 USD a month"),
            (
                Price::new("price_1").amount(6_005).every(3, "month").currency("eur"),
                "60.05 EUR every 3 months",
            ),
            (Price::new("price_1").amount(500).one_time(), "5.00 USD"),
        ];
        for (price, want) in cases {
            assert_eq!(price_text(&price), want);
        }
    }
}
