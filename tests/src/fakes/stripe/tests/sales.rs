//! Customers and prices of the fake of Stripe.

use serde_json::json;

use super::super::model::{Price, Product};
use super::super::{FakeStripe, StripeSettings};
use super::{assert_refused, get, ids, post, post_form, shop, taken};

#[tokio::test]
async fn a_created_customer_is_found_and_emits_an_event() {
    let stripe = shop().await;
    let form = [("email", "ada@example.com"), ("name", "Ada"), ("metadata[clerk_user_id]", "user_2")];
    let (status, customer) = post_form(&stripe, "/v1/customers", &form).await;
    assert_eq!(status, 200);
    let id = customer["id"].as_str().unwrap();
    assert!(id.starts_with("cus_"));
    assert_eq!((&customer["email"], &customer["name"]), (&json!("ada@example.com"), &json!("Ada")));
    assert_eq!(customer, stripe.object(id));
    assert_eq!(taken(&stripe), [("customer.created".to_owned(), id.to_owned())]);
    let found = get(&stripe, "/v1/customers/search?query=metadata['clerk_user_id']:'user_2'").await.1;
    assert_eq!(ids(&found), [id]);
    post(&stripe, "/v1/customers/cus_1", "name=Grace&email=").await;
    let event = stripe.take_events().remove(0).json;
    assert_eq!(event["type"], "customer.updated");
    assert_eq!(event["data"]["previous_attributes"], json!({"name": null}));
    post(&stripe, "/v1/customers/cus_1", "name=Grace").await;
    assert_eq!(taken(&stripe), [], "nothing changed");
}

#[tokio::test]
async fn a_search_finds_a_new_customer_only_after_a_while() {
    let settings = StripeSettings { search_delay_s: 60, ..StripeSettings::default() };
    let stripe = FakeStripe::start_with(settings).await;
    stripe.set_now(1_800_000_000);
    let id = post(&stripe, "/v1/customers", "metadata[clerk_user_id]=user_2").await.1["id"].clone();
    let search = "/v1/customers/search?query=metadata['clerk_user_id']:'user_2'";
    for (now, found) in [(1_800_000_059, vec![]), (1_800_000_060, vec![id.as_str().unwrap()])] {
        stripe.set_now(now);
        assert_eq!(ids(&get(&stripe, search).await.1), found, "{now}");
    }
    assert_eq!(get(&stripe, &format!("/v1/customers/{}", id.as_str().unwrap())).await.0, 200);
}

#[tokio::test]
async fn customers_that_stripe_refuses_are_refused() {
    let stripe = shop().await;
    for (why, form, code) in [
        ("a parameter that is none", ("plan", "pro"), "parameter_unknown"),
        ("no address", ("email", "ada"), "email_invalid"),
        ("a nested one that is none", ("metadata[a][b]", "1"), "parameter_unknown"),
    ] {
        assert_refused(&stripe, "/v1/customers", why, &[form], (code, form.0)).await;
    }
    assert_eq!(post(&stripe, "/v1/customers", "phone=1").await.0, 501);
    assert_eq!(taken(&stripe), []);
}

async fn priced() -> FakeStripe {
    let stripe = FakeStripe::start().await;
    stripe.put(Product::new("prod_pro").metadata("plan", "pro"));
    stripe.put(Price::new("price_m").product("prod_pro").lookup_key("pro_month").created(1));
    stripe.put(Price::new("price_y").product("prod_pro").amount(20_000).every(1, "year").created(2));
    stripe.put(Price::new("price_e").product("prod_pro").lookup_key("pro_eur").currency("eur").created(3));
    stripe.put(Price::new("price_old").product("prod_pro").lookup_key("old").archived().created(4));
    stripe.put(Price::new("price_credits").amount(500).one_time().created(5));
    stripe
}

#[tokio::test]
async fn prices_are_listed_by_lookup_key_and_kind() {
    let stripe = priced().await;
    for (query, want) in [
        ("?lookup_keys[]=pro_month&lookup_keys[]=pro_eur&active=true&limit=100", vec!["price_e", "price_m"]),
        ("?lookup_keys[0]=old&lookup_keys[1]=none", vec!["price_old"]),
        ("?lookup_keys[0]=old&active=true", vec![]),
        ("?active=false", vec!["price_old"]),
        ("?type=one_time", vec!["price_credits"]),
        ("?currency=eur", vec!["price_e"]),
        ("?recurring[interval]=year", vec!["price_y"]),
        ("?product=prod_pro&limit=2&starting_after=price_e", vec!["price_y", "price_m"]),
    ] {
        let (status, list) = get(&stripe, &format!("/v1/prices{query}")).await;
        assert_eq!((status.as_u16(), ids(&list)), (200, want), "{query}");
    }
    let list = get(&stripe, "/v1/prices?lookup_keys[]=pro_month&expand[]=data.product").await.1;
    assert_eq!(list["data"][0]["product"]["metadata"]["plan"], "pro");
    let year = get(&stripe, "/v1/prices/price_y").await.1;
    assert_eq!((&year["unit_amount"], &year["recurring"]["interval"]), (&json!(20_000), &json!("year")));
    let credits = get(&stripe, "/v1/prices/price_credits").await.1;
    assert_eq!((&credits["type"], &credits["recurring"]), (&json!("one_time"), &json!(null)));
    let many = |count| (0..count).map(|n| format!("lookup_keys[]=k{n}")).collect::<Vec<_>>().join("&");
    assert_eq!(get(&stripe, &format!("/v1/prices?{}", many(10))).await.0, 200);
    for wrong in
        [many(11), "active=yes".into(), "type=meter".into(), "product=prod_0".into(), "plan=pro".into()]
    {
        assert_eq!(get(&stripe, &format!("/v1/prices?{wrong}")).await.0, 400, "{wrong}");
    }
}
