//! Every request of core to Stripe conforms to Stripe's OpenAPI description, and the examples that Stripe
//! publishes can be read. `stripe-mock` is of an older version of the API than the pinned one, and does not
//! check the version; that the pinned version exists is checked with the official library.

use crate::callout::{ApiResponse, client, send, send_request};
use std::time::Duration;
use tollgate_core::http::Callout;
use tollgate_core::ids::{CustomerId, ProductId, SubscriptionId, SubscriptionItemId};
use tollgate_core::secret::Secret;
use tollgate_core::stripe::api::{Searched, StripeApi};
use tollgate_core::stripe::checkout_session::SessionList;
use tollgate_core::stripe::customer::Customer;
use tollgate_core::stripe::invoice::OpenInvoices;
use tollgate_core::stripe::object::{Expandable, UnreadableError};
use tollgate_core::stripe::outcome::StripeResponse;
use tollgate_core::stripe::product::Product;
use tollgate_core::stripe::search::SearchResult;
use tollgate_core::stripe::subscription::{ItemsPage, Subscription, SubscriptionPage};
use tollgate_core::upstream::Upstream;
use tollgate_tests::install::stripe_mock::{KEY, StripeMock};

fn upstream() -> Upstream {
    Upstream {
        cluster: "stripe_api".to_owned(),
        authority: "api.stripe.com".to_owned(),
        base_path: String::new(),
        timeout: Duration::from_secs(2),
        authorization: Some(Secret::new(KEY).expect("a key")),
    }
}

fn customer() -> CustomerId {
    CustomerId::parse("cus_1").expect("an id")
}

fn subscription() -> SubscriptionId {
    SubscriptionId::parse("sub_1").expect("an id")
}

/// Sends a callout and reads the response as a sync does.
async fn done<T>(mock: &StripeMock, callout: Callout, parse: fn(&[u8]) -> Result<T, UnreadableError>) -> T {
    let sent = send(&callout, |path| mock.url(path)).await;
    match StripeResponse::from_outcome(&sent.outcome(), parse) {
        StripeResponse::Done(response) if sent.status == 200 => response,
        _ => panic!("{:?}: {} {}", callout.request, sent.status, sent.text()),
    }
}

#[tokio::test]
async fn every_request_conforms_to_stripes_description() {
    let (mock, upstream) = (StripeMock::start().await, upstream());
    let stripe = StripeApi::new(&upstream);

    for after in [None, Some(subscription())] {
        let page =
            done(&mock, stripe.list_subscriptions(&customer(), after.as_ref()), SubscriptionPage::parse)
                .await;
        assert_eq!(page.skipped, [""; 0], "ids that core does not take for ids");
        let [subscription] = page.subscriptions.as_slice() else { panic!("{page:?}") };
        assert!(subscription.customer_object.is_some(), "it does not expand the customer");
        assert!(subscription.latest_invoice.is_some(), "it does not expand the invoice");
    }

    let one = done(&mock, stripe.retrieve_subscription(&subscription()), Subscription::parse).await;
    assert!(one.customer_object.is_some() && one.latest_invoice.is_some(), "{one:?}");
    assert!(!one.items.is_empty() && one.current_period_end_s().is_some(), "{one:?}");
    for item in &one.items {
        assert!(matches!(item.price.product, Some(Expandable::Object(_))), "it does not expand {item:?}");
    }
    assert!(one.unreadable.is_empty(), "{one:?}");
    let last = SubscriptionItemId::parse("si_1").expect("an id");
    for after in [None, Some(&last)] {
        let items =
            done(&mock, stripe.list_subscription_items(&subscription(), after), ItemsPage::parse).await;
        assert!(items.items.len() == 1 && !items.unreadable && items.last.is_some(), "{items:?}");
    }

    let bought = done(&mock, stripe.list_checkout_sessions(&subscription()), SessionList::parse).await;
    assert!(bought.sessions.len() == 1 && !bought.unreadable, "{bought:?}");
    let open = done(&mock, stripe.list_open_invoices(&subscription()), OpenInvoices::parse).await;
    assert!(open.oldest_s.is_some());
    let found = done(&mock, stripe.retrieve_customer(&customer()), Customer::parse).await;
    assert!(!found.deleted, "{found:?}");
    let id = ProductId::parse("prod_1").expect("an id");
    assert_eq!(done(&mock, stripe.retrieve_product(&id), Product::parse).await.id, "prod_1");

    let metadata =
        [("tollgate_owner", "user_1"), ("tollgate_owner_from", "client_reference_id"), ("clerk_user_id", "")];
    let update = stripe.update_subscription_metadata(&subscription(), &metadata, "evt_1");
    done(&mock, update, Subscription::parse).await;
}

#[tokio::test]
async fn the_census_conforms_to_stripes_description() {
    let (mock, upstream) = (StripeMock::start().await, upstream());
    let stripe = StripeApi::new(&upstream);
    for after in [None, Some(subscription())] {
        let page = done(&mock, stripe.list_all_subscriptions(after.as_ref()), SubscriptionPage::parse).await;
        assert!(
            page.subscriptions.iter().all(|subscription| subscription.customer_object.is_some()),
            "{page:?}"
        );
    }
    for (what, page) in [(Searched::Customers, None), (Searched::Subscriptions, Some("WzEw"))] {
        let search = stripe.search(what, "metadata['clerk_user_id']:'user_1'", page);
        assert_eq!(done(&mock, search, SearchResult::parse).await.customers.len(), 1, "{what:?}");
    }
}

#[tokio::test]
async fn requests_that_stripes_description_does_not_have_are_refused() {
    let mock = StripeMock::start().await;
    let list = "/v1/subscriptions?customer=cus_1&status=all";
    let cases = [
        ("a valid request", "GET", list.to_owned(), "", 200),
        ("an unknown parameter", "GET", format!("{list}&page=2"), "", 400),
        ("an unknown value", "GET", list.replace("all", "every"), "", 400),
        ("not a number", "GET", format!("{list}&limit=many"), "", 400),
        ("a filter of another list", "GET", "/v1/invoices?status=all".to_owned(), "", 400),
        ("an unknown path", "GET", "/v1/subscription".to_owned(), "", 404),
        ("an unknown method", "PATCH", "/v1/customers/cus_1".to_owned(), "metadata[a]=b", 404),
        ("an unknown field", "POST", "/v1/customers/cus_1".to_owned(), "meta[a]=b", 400),
        ("a field of another form", "POST", "/v1/customers/cus_1".to_owned(), "metadata=b", 400),
    ];
    for (why, method, path, body, want) in cases {
        let request = client().request(method.parse().expect("a method"), mock.url(&path)).bearer_auth(KEY);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        let ApiResponse { status, .. } = send_request(request).await;
        assert_eq!(status, want, "{why}");
    }
}
