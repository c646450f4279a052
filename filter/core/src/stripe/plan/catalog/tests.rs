//! Tests of which price sells which plan, in which order the sources are read, and what is reported.

use super::*;
use crate::stripe::plan::tests::fixture::World;
use crate::stripe::price::PriceTerms;
use crate::stripe::product::Product;

fn price(id: &str, lookup_key: &str, metadata: &[(&str, &str)], product: &str) -> Price {
    Price {
        id: id.to_owned(),
        lookup_key: (!lookup_key.is_empty()).then(|| lookup_key.to_owned()),
        metadata: metadata.iter().copied().collect(),
        product: Some(Expandable::Id(product.to_owned())),
        unreadable: false,
        terms: PriceTerms::default(),
    }
}

/// Returns what an item sells, in short: a plan's name, `add-on`, `nothing`, `needs prod_…`, or the alarm's
/// text.
fn sells(world: &World, price: &Price) -> String {
    match world.catalog().map_price(price, &world.products) {
        PriceMapping::Plan(rank) => world.plans.get(rank).name.clone(),
        PriceMapping::NotAPlan => "add-on".to_owned(),
        PriceMapping::Unmapped(None) => "nothing".to_owned(),
        PriceMapping::Unmapped(Some(alarm)) => alarm.to_string(),
        PriceMapping::DependsOn(product) => format!("needs {product}"),
        PriceMapping::ProductGone => "a product that is gone".to_owned(),
    }
}

#[test]
fn the_places_are_asked_in_a_fixed_order() {
    let ent = [("plan", "enterprise")];
    let cases = [
        ("by price", price("price_pro", "", &[], "prod_1"), "pro"),
        ("the price before the lookup key", price("price_ent", "pro_monthly", &[], "prod_pro"), "enterprise"),
        ("the price before its metadata", price("price_pro", "", &ent, "prod_1"), "pro"),
        ("the price before a product that is none", price("price_pro", "", &[], "prod_storage"), "pro"),
        ("by lookup key", price("price_x", "pro_monthly", &[], "prod_1"), "pro"),
        ("the lookup key before metadata", price("price_x", "pro_monthly", &ent, "prod_1"), "pro"),
        (
            "the lookup key before a product that is none",
            price("price_x", "pro_monthly", &[], "prod_storage"),
            "pro",
        ),
        ("by product", price("price_x", "", &[], "prod_pro"), "pro"),
        ("the product before metadata", price("price_x", "", &ent, "prod_pro"), "pro"),
        ("an add-on by price", price("price_storage", "", &[], "prod_1"), "add-on"),
        ("an add-on of a product that is a plan", price("price_storage", "", &[], "prod_pro"), "add-on"),
        ("an add-on with the metadata of a plan", price("price_storage", "", &ent, "prod_1"), "add-on"),
        ("an add-on by product", price("price_x", "", &[], "prod_storage"), "add-on"),
        (
            "an add-on by product, with the metadata of a plan",
            price("price_x", "", &ent, "prod_storage"),
            "add-on",
        ),
        ("by the price's metadata", price("price_x", "", &ent, "prod_1"), "enterprise"),
        ("a price can sell the default plan", price("price_free", "", &[], "prod_1"), "free"),
        ("by the product's metadata", price("price_x", "", &[], "prod_meta"), "pro"),
        ("the price's metadata before the product's", price("price_x", "", &ent, "prod_meta"), "enterprise"),
        ("an unknown lookup key is ignored", price("price_x", "yearly", &[], "prod_meta"), "pro"),
        ("a product without metadata", price("price_x", "", &[], "prod_bare"), "nothing"),
        ("a product that was not read yet", price("price_x", "", &[], "prod_1"), "needs prod_1"),
        ("a product whose id cannot be in a URL", price("price_x", "", &[], "gold plan/1"), "nothing"),
        (
            "a product with a custom id, not read yet",
            price("price_x", "", &[], "gold-tier2"),
            "needs gold-tier2",
        ),
        ("a product with a custom id, by metadata", price("price_x", "", &[], "silver tier"), "pro"),
        ("an old price with a custom id", price("gold", "pro_monthly", &[], "gold"), "pro"),
        ("an id with other capitals is another price", price("PRICE_PRO", "", &[], "prod_bare"), "nothing"),
        ("an id with a blank is another price", price("price_pro ", "", &[], "prod_bare"), "nothing"),
        ("another metadata key", price("price_x", "", &[("Plan", "pro")], "prod_bare"), "nothing"),
    ];
    let world = World::new(vec![])
        .product("prod_meta", &[("plan", "pro")])
        .product("prod_bare", &[])
        .product("silver tier", &[("plan", "pro")]);
    for (why, price, want) in cases {
        assert_eq!(sells(&world, &price), want, "{why}");
    }
}

#[test]
fn a_product_that_was_expanded_need_not_be_read() {
    let metadata = [("plan", "pro")].into_iter().collect();
    let product =
        Some(Expandable::Object(Product { id: "prod_1".to_owned(), metadata, ..Product::default() }));
    let price = Price { product, ..price("price_x", "", &[], "") };
    assert_eq!(sells(&World::new(vec![]), &price), "pro");
}

#[test]
fn a_price_of_two_plans_sells_the_higher_one() {
    let mut world = World::new(vec![]);
    let mut above: Vec<_> = world.plans.iter().skip(1).map(|(_, plan)| plan.clone()).collect();
    above[1].prices.insert("price_pro".to_owned());
    world.plans = PlanTable::new(world.plans.get(world.plans.default_rank()).clone(), above);
    assert_eq!(sells(&world, &price("price_pro", "", &[], "prod_1")), "enterprise");
}

#[test]
fn a_nearly_right_name_is_reported_with_both_spellings() {
    let world = World::new(vec![]).product("prod_odd", &[("plan", "PRO")]).product("prod_bare", &[]);
    let near_match = |location: &str, value: &str, configured: &str| {
        format!("{location} has \"{value}\", which differs from \"{configured}\" only in case or spaces")
    };
    let of_price = "the metadata of price price_x";
    let cases = [
        (
            "capitals",
            price("price_x", "", &[("plan", "Pro")], "prod_bare"),
            near_match(of_price, "Pro", "pro"),
        ),
        (
            "blanks",
            price("price_x", "", &[("plan", " pro\n")], "prod_bare"),
            near_match(of_price, " pro\n", "pro"),
        ),
        (
            "both",
            price("price_x", "", &[("plan", "ENTERPRISE ")], "prod_1"),
            near_match(of_price, "ENTERPRISE ", "enterprise"),
        ),
        (
            "of the product",
            price("price_x", "", &[], "prod_odd"),
            near_match("the metadata of product prod_odd", "PRO", "pro"),
        ),
        (
            "of the lookup key, where nothing else maps",
            price("price_x", "Pro_Monthly", &[], "prod_bare"),
            near_match("the lookup key of price price_x", "Pro_Monthly", "pro_monthly"),
        ),
        (
            "a name of no plan",
            price("price_x", "", &[("plan", "gold")], "prod_1"),
            "the metadata of price price_x has the plan \"gold\", which is not configured".to_owned(),
        ),
        (
            "a wrong name on the price is not made good by the product",
            price("price_x", "", &[("plan", "gold")], "prod_odd"),
            "the metadata of price price_x has the plan \"gold\", which is not configured".to_owned(),
        ),
        (
            "a blank name",
            price("price_x", "", &[("plan", " ")], "prod_1"),
            "the metadata of price price_x has the plan \" \", which is not configured".to_owned(),
        ),
    ];
    for (why, price, want) in cases {
        assert_eq!(sells(&world, &price), want, "{why}");
    }
}
