//! A shop (fakes and a configuration), and the command run against it.

use serde_json::{Value, json};
use std::process::{Output, Stdio};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tollgate_tests::fakes::clerk::{self, FakeClerk, User};
use tollgate_tests::fakes::stripe::model::{Customer, Price, Subscription};
use tollgate_tests::fakes::stripe::{FakeStripe, StripeSettings};
use tollgate_tests::install::command;

/// Fakes of Stripe and Clerk, and a configuration.
pub struct Shop {
    pub stripe: FakeStripe,
    pub clerk: FakeClerk,
    pub directory: TempDir,
    /// Calls per second to each service.
    pub rate: u32,
}

/// The exit code and the output of the command.
#[derive(Debug)]
pub struct CommandOutput {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl CommandOutput {
    pub fn new(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        CommandOutput { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Returns the JSON lines that have this member.
    pub fn lines(&self, member: &str) -> Vec<Value> {
        let lines = self.out.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line"));
        lines.filter(|line: &Value| line.get(member).is_some()).collect()
    }

    /// Returns a total of the last line.
    pub fn total(&self, name: &str) -> u64 {
        self.lines("totals")[0]["totals"][name].as_u64().expect("a number")
    }
}

impl Shop {
    /// Starts a shop without customers, with prices for Pro and Enterprise.
    pub async fn open() -> Self {
        let stripe = FakeStripe::start_with(StripeSettings::live()).await;
        for price in ["price_pro", "price_ent"] {
            stripe.put(Price::new(price));
        }
        let clerk = FakeClerk::start_with(clerk::ClerkSettings::default()).await;
        let shop = Shop { stripe, clerk, directory: TempDir::new().expect("a directory"), rate: 2_000 };
        shop.configure("price_pro", "price_ent");
        shop
    }

    /// Writes the document, with these prices for Pro and Enterprise.
    pub fn configure(&self, pro: &str, enterprise: &str) {
        self.write(&document(pro, enterprise));
    }

    /// Writes a document that mirrors Clerk Billing, and reads Stripe besides or not.
    pub fn mirror(&self, reads_stripe: bool) {
        let mut document = document("price_pro", "price_ent");
        document["clerk_webhook"] = json!({
            "path": "/webhooks/clerk",
            "signing_secrets": {"env": "CLERK_WEBHOOK_SIGNING_SECRET"},
            "billing": "mirror",
            "clerk": {"cluster": "clerk_api"},
        });
        if !reads_stripe {
            document.as_object_mut().expect("an object").remove("stripe_webhook");
        }
        self.write(&document);
    }

    fn write(&self, document: &Value) {
        std::fs::write(self.file("tollgate.json"), document.to_string()).expect("a file");
    }

    pub fn file(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// Adds a subscriber from before the gateway: Stripe's metadata have the user, Clerk's metadata are
    /// empty.
    pub fn subscriber(&self, name: &str, price: &str) {
        let (user, customer) = (format!("user_{name}"), format!("cus_{name}"));
        self.clerk.put_user(User::new(&user));
        self.stripe.put(Customer::new(&customer).metadata("clerk_user_id", &user));
        self.stripe.put(Subscription::new(&format!("sub_{name}"), &customer).item(price));
    }

    /// Returns the command, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_at(&self.stripe, arguments)
    }

    /// Returns the command with the account and the key of another fake of Stripe.
    pub fn command_at(&self, stripe: &FakeStripe, arguments: &[&str]) -> Command {
        let mut command = Command::new(command::built());
        command.arg("sync").args(arguments).args(["--config", &self.file("tollgate.json")]);
        command.args(["--stripe-url", &format!("http://{}", stripe.addr())]);
        command.args(["--clerk-url", &format!("http://{}", self.clerk.addr())]);
        let rate = self.rate.to_string();
        command.args(["--stripe-rate", &rate, "--clerk-rate", &rate]);
        command
            .env_clear()
            .env("STRIPE_API_KEY", stripe.key())
            .env("CLERK_SECRET_KEY", self.clerk.secret_key());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().expect("it starts")
    }

    /// Runs the command to its end. Its output must not contain a key.
    pub async fn sync(&self, arguments: &[&str]) -> CommandOutput {
        self.ended(self.start(arguments)).await
    }

    pub async fn ended(&self, child: Child) -> CommandOutput {
        let output = CommandOutput::new(child.wait_with_output().await.expect("it ends"));
        for key in [self.stripe.key(), self.clerk.secret_key()] {
            assert!(!output.out.contains(key) && !output.err.contains(key), "a key is printed");
        }
        output
    }

    /// Returns how many requests changed something.
    pub fn writes(&self) -> usize {
        self.stripe.log().writes() + self.clerk.log().writes()
    }
}

/// Returns a document with these prices for Pro and Enterprise.
fn document(pro: &str, enterprise: &str) -> Value {
    json!({
        "plans": [
            {"name": "free"}, {"name": "pro", "prices": [pro]}, {"name": "enterprise", "prices": [enterprise]},
        ],
        "stripe_webhook": {
            "path": "/webhooks/stripe",
            "signing_secrets": {"env": "STRIPE_WEBHOOK_SECRET"},
            "past_due": {"grace_days": 14},
            "stripe": {"cluster": "stripe_api"},
            "clerk": {"cluster": "clerk_api"},
        },
    })
}
