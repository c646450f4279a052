//! Tests of each request to Stripe's API, as it is sent.

use super::*;
use crate::secret::Secret;
use std::time::Duration;

fn upstream(authorization: Option<&str>) -> Upstream {
    Upstream {
        cluster: "stripe_api".to_owned(),
        authority: "api.stripe.com".to_owned(),
        base_path: String::new(),
        timeout: Duration::from_secs(2),
        authorization: authorization.map(|key| Secret::new(key).unwrap()),
    }
}

struct Sent {
    line: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Sent {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
    }
}

fn sent(callout: Callout) -> Sent {
    assert_eq!((callout.cluster.as_str(), callout.timeout), ("stripe_api", Duration::from_secs(2)));
    let Request::Http { method, authority, path, headers, body } = callout.request else {
        panic!("not HTTP")
    };
    assert_eq!(authority, "api.stripe.com");
    let query: Vec<_> = path.split_once('?').map_or(Vec::new(), |(_, query)| {
        form_urlencoded::parse(query.as_bytes()).map(|(name, value)| format!("{name}={value}")).collect()
    });
    let endpoint = path.split('?').next().unwrap_or_default();
    let mark = if query.is_empty() { "" } else { "?" };
    let line = format!("{method} {endpoint}{mark}{}", query.join("&"));
    Sent { line, headers, body: String::from_utf8(body).unwrap() }
}

fn customer() -> CustomerId {
    CustomerId::parse("cus_1").unwrap()
}

fn subscription() -> SubscriptionId {
    SubscriptionId::parse("sub_1").unwrap()
}

#[test]
fn each_call_asks_for_what_is_needed_and_no_more() {
    let upstream = upstream(None);
    let stripe = StripeApi::new(&upstream);
    let page = "GET /v1/subscriptions?customer=cus_1&status=all&limit=100&expand[]=data.customer\
                &expand[]=data.latest_invoice";
    let next = format!("{page}&starting_after=sub_1");
    let cases = [
        (stripe.list_subscriptions(&customer(), None), page),
        (
            stripe.list_all_subscriptions(None),
            "GET /v1/subscriptions?status=all&limit=100&expand[]=data.customer",
        ),
        (
            stripe.list_all_subscriptions(Some(&subscription())),
            "GET /v1/subscriptions?status=all&limit=100&expand[]=data.customer&starting_after=sub_1",
        ),
        (
            stripe.search(Searched::Customers, "metadata['k']:'user_1'", None),
            "GET /v1/customers/search?query=metadata['k']:'user_1'&limit=100",
        ),
        (
            stripe.search(Searched::Subscriptions, "metadata['k']:'user_1'", Some("WzEw")),
            "GET /v1/subscriptions/search?query=metadata['k']:'user_1'&limit=100&page=WzEw",
        ),
        (stripe.list_subscriptions(&customer(), Some(&subscription())), next.as_str()),
        (
            stripe.retrieve_subscription(&subscription()),
            "GET /v1/subscriptions/sub_1?expand[]=customer&expand[]=latest_invoice&expand[]=items.data.price.product",
        ),
        (
            stripe.list_subscription_items(&subscription(), None),
            "GET /v1/subscription_items?subscription=sub_1&limit=100",
        ),
        (
            stripe.list_subscription_items(&subscription(), SubscriptionItemId::parse("si_1").ok().as_ref()),
            "GET /v1/subscription_items?subscription=sub_1&limit=100&starting_after=si_1",
        ),
        (stripe.retrieve_customer(&customer()), "GET /v1/customers/cus_1"),
        (
            stripe.list_checkout_sessions(&subscription()),
            "GET /v1/checkout/sessions?subscription=sub_1&limit=10",
        ),
        (stripe.retrieve_product(&ProductId::parse("prod_1").unwrap()), "GET /v1/products/prod_1"),
        (
            stripe.list_open_invoices(&subscription()),
            "GET /v1/invoices?subscription=sub_1&status=open&limit=100",
        ),
    ];
    for (callout, want) in cases {
        let sent = sent(callout);
        assert_eq!(sent.line, want);
        assert_eq!(sent.body, "");
        assert_eq!(sent.header("idempotency-key"), None, "{want}: Stripe knows it on POST only");
        let levels = sent.line.split("expand[]=").skip(1).map(|path| path.split('.').count()).max();
        assert!(levels.unwrap_or_default() <= 4, "{want}: Stripe expands four levels");
    }
}

#[test]
fn an_id_of_a_sellers_choice_stays_one_segment_and_one_value() {
    let upstream = upstream(None);
    let stripe = StripeApi::new(&upstream);
    let customer = |id| CustomerId::parse(id).unwrap();
    let product = |id| ProductId::parse(id).unwrap();
    let line = |callout: Callout| match callout.request {
        Request::Http { method, path, .. } => format!("{method} {path}"),
        _ => panic!("not HTTP"),
    };
    let cases = [
        (stripe.retrieve_customer(&customer("10482")), "GET /v1/customers/10482"),
        (stripe.retrieve_product(&product("gold-tier2")), "GET /v1/products/gold-tier2"),
        (stripe.retrieve_product(&product("Gold plan")), "GET /v1/products/Gold%20plan"),
        (stripe.retrieve_product(&product("a+b@c.d")), "GET /v1/products/a%2Bb%40c.d"),
        (stripe.retrieve_customer(&customer("a&b=c;d:e")), "GET /v1/customers/a%26b%3Dc%3Bd%3Ae"),
        (stripe.retrieve_customer(&customer("a b")), "GET /v1/customers/a%20b"),
    ];
    for (callout, want) in cases {
        assert_eq!(line(callout), want);
    }
    let list = line(stripe.list_subscriptions(&customer("a&status=active +"), None));
    assert!(list.starts_with("GET /v1/subscriptions?customer=a%26status%3Dactive+%2B&status=all&"), "{list}");
}

#[test]
fn the_version_is_pinned_and_a_key_is_sent_only_where_one_is_given() {
    let without = sent(StripeApi::new(&upstream(None)).retrieve_customer(&customer()));
    assert_eq!(without.header("stripe-version"), Some("2026-10-28.endive"));
    assert_eq!(without.header("user-agent"), Some(USER_AGENT));
    assert!(USER_AGENT.starts_with("tollgate/") && USER_AGENT.len() > "tollgate/".len());
    assert_eq!(without.header("authorization"), None);
    let with = sent(StripeApi::new(&upstream(Some("rk_test_1"))).retrieve_customer(&customer()));
    assert_eq!(with.header("authorization"), Some("Bearer rk_test_1"));
}

#[test]
fn a_base_path_stands_before_each_path() {
    let proxied = Upstream { base_path: "/stripe".to_owned(), ..upstream(None) };
    let stripe = StripeApi::new(&proxied);
    assert_eq!(sent(stripe.retrieve_customer(&customer())).line, "GET /stripe/v1/customers/cus_1");
    let update = stripe.update_subscription_metadata(&subscription(), &[("a", "b")], "evt_1");
    assert_eq!(sent(update).line, "POST /stripe/v1/subscriptions/sub_1");
}

#[test]
fn metadata_is_sent_as_a_form() {
    let upstream = upstream(None);
    let stripe = StripeApi::new(&upstream);
    let metadata = [("clerk_user_id", "user_1"), ("odd]&=key", "a b&c=ü")];
    let update = sent(stripe.update_subscription_metadata(&subscription(), &metadata, "evt_1"));
    assert_eq!(update.line, "POST /v1/subscriptions/sub_1");
    assert_eq!(update.header("content-type"), Some("application/x-www-form-urlencoded"));
    let pairs: Vec<_> = form_urlencoded::parse(update.body.as_bytes()).into_owned().collect();
    let want = [("metadata[clerk_user_id]", "user_1"), ("metadata[odd]&=key]", "a b&c=ü")];
    assert_eq!(pairs, want.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn each_write_has_its_own_idempotency_key() {
    let upstream = upstream(None);
    let stripe = StripeApi::new(&upstream);
    let key = |callout| sent(callout).header("idempotency-key").unwrap().to_owned();
    let of = |value: &str, event: &str| {
        key(stripe.update_subscription_metadata(&subscription(), &[("tollgate_owner", value)], event))
    };
    let first = of("user_1", "evt_1");
    assert_eq!(first, of("user_1", "evt_1"), "a retry of the same");
    assert_ne!(first, of("user_2", "evt_1"), "other parameters: the same key would be an error");
    assert_ne!(first, of("user_1", "evt_2"), "another event: Stripe would replay the response to the first");
    let another = SubscriptionId::parse("sub_2").unwrap();
    let other = stripe.update_subscription_metadata(&another, &[("tollgate_owner", "user_1")], "evt_1");
    assert_ne!(first, key(other), "another object");
    assert_eq!(first.len(), "tollgate-".len() + 32);
    assert!(first.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{first}");
}

#[test]
fn a_callout_shows_no_key_when_printed() {
    let callout = StripeApi::new(&upstream(Some("sk_live_secret"))).retrieve_customer(&customer());
    assert!(!format!("{callout:?}").contains("secret"));
}
