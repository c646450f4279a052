//! Stripe's representation of customers, products and prices: complete, as of API version 2026-10-28.endive,
//! with ids where nothing is expanded.

use serde_json::{Value, json};

use super::account::Account;
use super::model::{Customer, Price, Product};

/// The objects of an account as JSON. Each contains `livemode`.
#[derive(Clone, Copy)]
pub struct Objects<'a> {
    /// The account with the objects.
    pub account: &'a Account,
    /// The mode of the account.
    pub livemode: bool,
}

impl Objects<'_> {
    /// Returns the object with the id `id`, of any type. An id without a known prefix belongs to a customer,
    /// a product, or a price, because these can have custom ids.
    pub fn by_id(&self, id: &str) -> Option<Value> {
        let account = self.account;
        match id.split('_').next()? {
            "cus" => account.find(id).map(|o| self.customer(o)),
            "prod" => account.find(id).map(|o| self.product(o)),
            "price" => account.find(id).map(|o| self.price(o)),
            "sub" if id.starts_with("sub_sched_") => account.find(id).map(|o| self.schedule(o)),
            "sub" => account.find(id).map(|o| self.subscription(o)),
            "cs" => account.find(id).map(|o| self.session(o)),
            "in" => account.find(id).map(|o| self.invoice(o)),
            "bps" => account.find(id).map(|o| self.portal_session(o)),
            "pi" => account.find(id).map(|o| self.payment_intent(o)),
            _ => {
                let product_or_price = || {
                    account
                        .find(id)
                        .map(|o| self.product(o))
                        .or_else(|| account.find(id).map(|o| self.price(o)))
                };
                account.find(id).map(|o| self.customer(o)).or_else(product_or_price)
            }
        }
    }

    /// Returns a customer. A deleted customer has only its id, its type, and `deleted`.
    pub fn customer(&self, customer: &Customer) -> Value {
        if customer.deleted {
            return json!({"id": customer.id, "object": "customer", "deleted": true});
        }
        json!({
            "id": customer.id,
            "object": "customer",
            "address": null,
            "balance": customer.balance,
            "created": customer.created,
            "currency": "usd",
            "customer_account": null,
            "default_source": null,
            "delinquent": false,
            "description": null,
            "discount": null,
            "email": customer.email,
            "invoice_prefix": "7FE1103",
            "invoice_settings": {
                "custom_fields": null,
                "default_payment_method": null,
                "footer": null,
                "rendering_options": null,
            },
            "livemode": self.livemode,
            "metadata": customer.metadata,
            "name": customer.name,
            "next_invoice_sequence": 1,
            "phone": null,
            "preferred_locales": [],
            "shipping": null,
            "tax_exempt": "none",
            "test_clock": null,
        })
    }

    /// Returns a product.
    pub fn product(&self, product: &Product) -> Value {
        json!({
            "id": product.id,
            "object": "product",
            "active": product.active,
            "created": product.created,
            "default_price": null,
            "description": null,
            "images": [],
            "livemode": self.livemode,
            "marketing_features": [],
            "metadata": product.metadata,
            "name": product.name,
            "package_dimensions": null,
            "shippable": null,
            "statement_descriptor": null,
            "tax_code": null,
            "type": "service",
            "unit_label": null,
            "updated": product.created,
            "url": null,
        })
    }

    /// Returns a price.
    pub fn price(&self, price: &Price) -> Value {
        json!({
            "id": price.id,
            "object": "price",
            "active": price.active,
            "billing_scheme": "per_unit",
            "created": price.created,
            "currency": price.currency,
            "custom_unit_amount": null,
            "livemode": self.livemode,
            "lookup_key": price.lookup_key,
            "metadata": price.metadata,
            "nickname": null,
            "product": price.product,
            "recurring": price.recurring.as_ref().map(|recurrence| json!({
                "interval": recurrence.interval,
                "interval_count": recurrence.interval_count,
                "meter": null,
                "trial_period_days": null,
                "usage_type": "licensed",
            })),
            "tax_behavior": "unspecified",
            "tiers_mode": null,
            "transform_quantity": null,
            "type": if price.recurring.is_some() { "recurring" } else { "one_time" },
            "unit_amount": price.unit_amount,
            "unit_amount_decimal": price.unit_amount.to_string(),
        })
    }
}
