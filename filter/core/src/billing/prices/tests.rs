//! Tests of when prices are read, and which prices are used if Stripe does not respond.

use super::*;
use crate::http::{HeaderMap, TlsFailure};
use crate::plan_table::Plan;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn book() -> PriceBook {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let pro = Plan {
        name: "pro".to_owned(),
        prices: set(&["price_pro"]),
        lookup_keys: set(&["pro_yearly"]),
        ..Plan::default()
    };
    let plans = PlanTable::new(Plan::default(), vec![pro]);
    let purchases = [Purchase { name: "credits".to_owned(), price: "price_credits".to_owned() }];
    let stripe = Upstream {
        cluster: "stripe_api".to_owned(),
        authority: "api.stripe.com".to_owned(),
        base_path: String::new(),
        timeout: Duration::from_secs(2),
        authorization: None,
    };
    PriceBook::new(&plans, &purchases, stripe)
}

fn price(id: &str, interval: Option<&str>) -> Value {
    json!({
        "id": id, "active": true, "unit_amount": 2000, "currency": "usd", "product": "prod_1",
        "recurring": interval.map(|interval| json!({"interval": interval, "interval_count": 1})),
    })
}

fn at(ms: u64) -> Micros {
    Micros::from_secs(1_800_000_000).plus(Duration::from_millis(ms))
}

/// Starts every query that is due, and returns their inquiries.
fn start(book: &mut PriceBook, now: Micros, next: &mut u32) -> Vec<InquiryId> {
    let mut started = Vec::new();
    while let PriceStep::Start(index, _) = book.step(now) {
        *next = next.saturating_add(1);
        book.started(index, InquiryId(*next));
        started.push(InquiryId(*next));
    }
    started
}

fn respond(book: &mut PriceBook, inquiry: InquiryId, now: Micros, body: &Value) -> usize {
    let (headers, body) = (HeaderMap::default(), body.to_string());
    let outcome = Outcome::Response { status: 200, headers: &headers, body: body.as_bytes() };
    book.handle_outcome(inquiry, &outcome, now).len()
}

fn fill(book: &mut PriceBook, now: Micros, next: &mut u32) {
    let [pro, yearly, credits] = start(book, now, next)[..] else { panic!("three queries") };
    assert_eq!(respond(book, pro, now, &price("price_pro", Some("month"))), 0);
    assert_eq!(respond(book, yearly, now, &json!({"data": [price("price_year", Some("year"))]})), 0);
    assert_eq!(respond(book, credits, now, &price("price_credits", None)), 0);
}

fn ready(book: &mut PriceBook, now: Micros) -> Rc<PriceList> {
    match book.step(now) {
        PriceStep::Ready(list) => list,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_price_is_read_once_for_all_requests_and_again_after_five_minutes() {
    let (mut book, mut next) = (book(), 0);
    let started = start(&mut book, at(0), &mut next);
    assert_eq!(started.len(), 3);
    assert!(matches!(book.step(at(0)), PriceStep::Await(first) if first == started[0]));
    let mut book = super::tests::book();
    fill(&mut book, at(0), &mut next);
    let list = ready(&mut book, at(299_999));
    let intervals: Vec<&str> =
        list.of_plan(list.find("price_pro").unwrap().0).iter().map(|p| p.interval.as_str()).collect();
    assert_eq!(intervals, ["month", "year"]);
    assert_eq!(list.of_purchase("credits"), Some("price_credits"));
    assert!(matches!(book.step(at(300_000)), PriceStep::Start(..)));
}

#[test]
fn a_price_that_cannot_be_sold_as_configured_is_left_out_with_an_alarm() {
    let archived = json!({"id": "price_pro", "active": false, "product": "prod_1", "currency": "usd",
        "recurring": {"interval": "month", "interval_count": 1}});
    let one_time = price("price_pro", None);
    for wrong in [archived, one_time] {
        let (mut book, mut next) = (book(), 0);
        let started = start(&mut book, at(0), &mut next);
        assert_eq!(respond(&mut book, started[0], at(0), &wrong), 1, "{wrong}");
        assert_eq!(respond(&mut book, started[1], at(0), &json!({"data": []})), 1);
        respond(&mut book, started[2], at(0), &price("price_credits", None));
        let list = ready(&mut book, at(0));
        assert!(list.find("price_pro").is_none() && list.of_purchase("credits").is_some());
    }
}

#[test]
fn the_last_good_response_is_used_for_a_day() {
    let (mut book, mut next) = (book(), 0);
    fill(&mut book, at(0), &mut next);
    let hour = 3_600_000;
    let started = start(&mut book, at(hour), &mut next);
    for inquiry in &started {
        book.handle_outcome(*inquiry, &Outcome::TimedOut, at(hour));
    }
    assert_eq!(ready(&mut book, at(hour)).of_purchase("credits"), Some("price_credits"));
    let late = 24 * hour + 1;
    let failing = start(&mut book, at(late), &mut next);
    assert_eq!(failing.len(), 1, "after a failure, one at a time");
    book.handle_outcome(failing[0], &Outcome::Reset, at(late));
    assert!(matches!(book.step(at(late)), PriceStep::Unavailable));
}

#[test]
fn a_failed_read_is_an_alarm_once_a_minute_with_the_whole_error() {
    let (mut book, mut next) = (book(), 0);
    for (ms, want) in [(0, 1), (59_000, 0), (60_000, 1)] {
        let mut lines = Vec::new();
        for inquiry in start(&mut book, at(ms), &mut next) {
            let outcome = Outcome::TlsFailed(TlsFailure::Certificate);
            for report in book.handle_outcome(inquiry, &outcome, at(ms)) {
                let Report::Line(_, line) = report else { panic!("{report:?}") };
                lines.push(line);
            }
        }
        assert_eq!(lines.len(), want, "{ms} ms");
        for line in lines {
            assert!(line.contains(&TlsFailure::Certificate.to_string()), "{line}");
            assert!(line.contains(r#""object":"price_pro""#), "{line}");
        }
    }
}

#[test]
fn after_a_failure_at_most_five_queries_a_second_are_sent() {
    let (mut book, mut next) = (book(), 0);
    for inquiry in start(&mut book, at(0), &mut next) {
        book.handle_outcome(inquiry, &Outcome::TimedOut, at(0));
    }
    let mut attempts = 0;
    for ms in 1..1_000 {
        for inquiry in start(&mut book, at(ms), &mut next) {
            attempts += 1;
            book.handle_outcome(inquiry, &Outcome::TimedOut, at(ms));
        }
        assert!(matches!(book.step(at(ms)), PriceStep::Unavailable));
    }
    assert_eq!(attempts, 4);
}
