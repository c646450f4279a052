//! A sound world (fakes of Stripe and Clerk, and a document), and the command run in it.

use serde_json::{Value, json};
use std::process::Stdio;
use tempfile::TempDir;
use tokio::process::Command;
use tollgate_tests::fakes::clerk::keys::KeyPair;
use tollgate_tests::fakes::clerk::{ClerkSettings, FakeClerk, User};
use tollgate_tests::fakes::stripe::model::{Customer, Price, Product, Subscription, WebhookEndpoint};
use tollgate_tests::fakes::stripe::{API_VERSION, FakeStripe, StripeSettings};
use tollgate_tests::install::command;

/// The gateway's URL.
pub const GATEWAY: &str = "https://gateway.example.com";
/// The URL of its webhook.
pub const WEBHOOK: &str = "https://gateway.example.com/webhooks/stripe";

/// The events that docs/webhook.md lists.
pub const EVENTS: [&str; 13] = [
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "customer.deleted",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.updated",
    "customer.updated",
    "invoice.paid",
    "invoice.payment_action_required",
    "invoice.payment_failed",
    "invoice.payment_succeeded",
];

/// What a world is made of, before it starts.
pub struct WorldSettings {
    pub stripe: StripeSettings,
    pub clerk: ClerkSettings,
    pub document: Value,
    /// The API key of Stripe; `None` for the fake's own.
    pub stripe_key: Option<String>,
    pub clerk_key: Option<String>,
    pub pem: String,
    /// The value of `--url`.
    pub url: &'static str,
    /// The value of `--stripe-url`; `None` for the fake's.
    pub stripe_url: Option<&'static str>,
}

impl Default for WorldSettings {
    fn default() -> Self {
        WorldSettings {
            stripe: StripeSettings::live(),
            clerk: ClerkSettings::production(),
            document: document(),
            stripe_key: None,
            clerk_key: None,
            pem: KeyPair::first().pem(),
            url: GATEWAY,
            stripe_url: None,
        }
    }
}

/// A world.
pub struct World {
    pub stripe: FakeStripe,
    pub clerk: FakeClerk,
    pub plan: WorldSettings,
}

/// A line of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckLine {
    pub name: String,
    pub level: String,
    pub detail: String,
    pub cure: String,
}

/// What the command printed, and its exit code.
#[derive(Debug)]
pub struct DoctorOutput {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl DoctorOutput {
    /// Returns the checks of `--json`.
    pub fn checks(&self) -> Vec<CheckLine> {
        let value: Value = serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{self:?}"));
        let text = |check: &Value, name: &str| check[name].as_str().expect("a text").to_owned();
        let line = |check: &Value| CheckLine {
            name: text(check, "name"),
            level: text(check, "level"),
            detail: text(check, "detail"),
            cure: text(check, "cure"),
        };
        value["checks"].as_array().expect("checks").iter().map(line).collect()
    }

    /// Returns those that are not ok.
    pub fn findings(&self) -> Vec<CheckLine> {
        self.checks().into_iter().filter(|check| check.level != "ok").collect()
    }
}

impl World {
    /// Starts a sound world, unless the plan has a defect.
    pub async fn start(plan: WorldSettings) -> Self {
        let stripe = FakeStripe::start_with(plan.stripe.clone()).await;
        for product in ["prod_pro", "prod_ent", "prod_storage", "prod_credits"] {
            stripe.put(Product::new(product));
        }
        stripe.put(Price::new("price_pro").product("prod_pro"));
        stripe.put(
            Price::new("price_pro_yearly").product("prod_pro").every(1, "year").lookup_key("pro_yearly"),
        );
        stripe.put(Price::new("price_ent").product("prod_ent"));
        stripe.put(Price::new("price_storage").product("prod_storage"));
        stripe.put(Price::new("price_credits").product("prod_credits").one_time());
        stripe.put(WebhookEndpoint::new("we_1", WEBHOOK).events(&EVENTS).api_version(API_VERSION));
        stripe.put(WebhookEndpoint::new("we_other", "https://other.example.com/hook"));
        let clerk = FakeClerk::start_with(plan.clerk.clone()).await;
        let world = World { stripe, clerk, plan };
        world.subscriber("ada", "price_pro", "pro");
        world.clerk.put_user(User::new("user_bob"));
        world
    }

    /// Adds a subscriber whose record is that of a sync.
    pub fn subscriber(&self, name: &str, price: &str, plan: &str) {
        let (user, customer, subscription) =
            (format!("user_{name}"), format!("cus_{name}"), format!("sub_{name}"));
        self.stripe.put(Customer::new(&customer).metadata("clerk_user_id", &user));
        self.stripe.put(Subscription::new(&subscription, &customer).item(price));
        let item = self.stripe.object(&subscription)["items"]["data"][0].clone();
        let user = User::new(&user).public_metadata(json!({
            "plan": plan,
            "subscription": {
                "status": "active",
                "current_period_end": item["current_period_end"],
                "cancel_at_period_end": false,
                "grace_until": null,
            },
        }));
        self.clerk.put_user(user);
        self.clerk.set_private_metadata(
            &format!("user_{name}"),
            json!({
                "stripe_customers": {(customer): true},
                "stripe_subscription": subscription,
                "paid_plan": {"subscription": subscription, "plan": plan},
            }),
        );
    }

    /// Runs the command with `--json`.
    pub async fn doctor(&self) -> DoctorOutput {
        self.run(&["--json"]).await
    }

    /// Runs the command. Its output must not contain a key, and it must write nothing.
    pub async fn run(&self, arguments: &[&str]) -> DoctorOutput {
        let directory = TempDir::new().expect("a directory");
        let file = directory.path().join("tollgate.json");
        std::fs::write(&file, self.plan.document.to_string()).expect("a file");
        let stripe_key = self.plan.stripe_key.as_deref().unwrap_or(self.stripe.key());
        let clerk_key = self.plan.clerk_key.as_deref().unwrap_or(self.clerk.secret_key());
        let mut command = Command::new(command::built());
        command.arg("doctor").arg(&file).args(["--url", self.plan.url]).args(arguments);
        let fake_url = format!("http://{}", self.stripe.addr());
        command.args(["--stripe-url", self.plan.stripe_url.unwrap_or(&fake_url)]);
        command.args(["--clerk-url", &format!("http://{}", self.clerk.addr())]);
        command
            .env_clear()
            .env("STRIPE_API_KEY", stripe_key)
            .env("CLERK_SECRET_KEY", clerk_key)
            .env("CLERK_JWT_KEY", &self.plan.pem);
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = command.output().await.expect("it ends");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let (code, out, err) = (output.status.code(), text(output.stdout), text(output.stderr));
        for key in [stripe_key, clerk_key] {
            assert!(!out.contains(key) && !err.contains(key), "a key is printed");
        }
        assert_eq!(self.stripe.log().writes() + self.clerk.log().writes(), 0, "it only reads");
        DoctorOutput { code, out, err }
    }
}

/// Returns a document with all sections.
fn document() -> Value {
    json!({
        "plans": [
            {"name": "free"},
            {"name": "pro", "prices": ["price_pro"], "lookup_keys": ["pro_yearly"]},
            {"name": "enterprise", "products": ["prod_ent"]},
        ],
        "not_plans": {"prices": ["price_storage"]},
        "stripe_webhook": {
            "path": "/webhooks/stripe",
            "livemode": true,
            "signing_secrets": {"env": "STRIPE_WEBHOOK_SECRET"},
            "stripe": {"cluster": "stripe_api"},
            "clerk": {"cluster": "clerk_api"},
        },
        "billing": {
            "path": "/billing",
            "success_url": "https://app.example.com/billing",
            "cancel_url": "https://app.example.com/pricing",
            "return_url": "https://app.example.com/billing",
            "portal": {"configuration": "bpc_123"},
            "purchases": [{"name": "credits", "price": "price_credits"}],
            "stripe": {"cluster": "stripe_api"},
            "clerk": {"cluster": "clerk_api"},
        },
        "plan_gate": {
            "issuer": "https://clerk.example.com",
            "keys": {"pem": {"env": "CLERK_JWT_KEY"}},
            "authorized_parties": ["https://app.example.com"],
            "rules": [{"name": "all", "path_prefix": "/"}],
        },
    })
}
