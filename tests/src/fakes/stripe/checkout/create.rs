//! Creating a Checkout Session, with the checks that Stripe makes.

use serde_json::Value;

use super::super::account::SESSION_S;
use super::super::calendar::DAY_S;
use super::super::endpoints::Call;
use super::super::error::StripeError;
use super::super::expand;
use super::super::model::{Customer, LineItem, Price, Session, SessionSettings};
use super::parameters::{LOCALES, SUPPORTED, UNSUPPORTED};

/// The minimum time until a session expires, in seconds.
const SESSION_S_MIN: i64 = 30 * 60;
/// The maximum number of recurring prices of a session, and of one-time prices.
const LINE_ITEMS_MAX: usize = 20;
/// The maximum length of a reference in characters.
const REFERENCE_CHARS_MAX: usize = 200;
/// The longest trial in days.
const TRIAL_DAYS_MAX: i64 = 730;
/// The minimum time until a trial with a fixed end ends, in seconds.
const TRIAL_S_MIN: i64 = 48 * 3600;
/// The largest quantity.
const QUANTITY_MAX: i64 = 999_999;

impl Call<'_> {
    /// Creates a session.
    pub(in super::super) fn create_session(&mut self) -> Result<Value, StripeError> {
        self.parameters.accept(&SUPPORTED, &UNSUPPORTED)?;
        expand::check(&self.parameters.expand(), "checkout.session", false)?;
        let mode = self.parameters.one_of("mode", &["payment", "setup", "subscription"])?;
        let mode = match mode {
            None => return Err(StripeError::missing_parameter("mode")),
            Some("setup") => return Err(StripeError::not_faked("mode=setup")),
            Some(mode) => mode.to_owned(),
        };
        if !matches!(self.parameters.get("ui_mode")?, None | Some("hosted_page")) {
            return Err(StripeError::not_faked("ui_mode"));
        }
        self.check_mode(&mode)?;
        let settings = self.session_settings()?;
        let customer = self.session_customer()?;
        let (line_items, currency) = self.line_items(&mode)?;
        let id = self.account.new_id(if self.livemode { "cs_live" } else { "cs_test" });
        let session = Session {
            url: Some(format!("{}/c/pay/{id}", self.account.pages_url)),
            id: id.clone(),
            customer,
            payment_status: "unpaid".to_owned(),
            status: "open".to_owned(),
            client_reference_id: self.client_reference_id()?,
            metadata: self.parameters.metadata_of("metadata")?,
            success_url: Some(
                self.url("success_url")?.ok_or_else(|| StripeError::missing_parameter("success_url"))?,
            ),
            cancel_url: self.url("cancel_url")?,
            expires_at: self.session_end()?,
            amount_total: self.amount_now(&line_items, settings.trial_days.is_some()),
            line_items,
            currency,
            settings,
            mode,
            ..Session::default()
        };
        self.account.put(session);
        self.changed_object::<Session>(&id)
    }

    /// Refuses what only another mode has.
    fn check_mode(&self, mode: &str) -> Result<(), StripeError> {
        let other_modes = if mode == "subscription" {
            ["payment_intent_data", "invoice_creation"]
        } else {
            ["subscription_data", "payment_method_collection"]
        };
        match other_modes.iter().find(|name| self.parameters.has(name)) {
            None => Ok(()),
            Some(name) => {
                let message = format!("You can not pass `{name}` in `{mode}` mode.");
                Err(StripeError::invalid_value(name, message))
            }
        }
    }

    fn session_settings(&self) -> Result<SessionSettings, StripeError> {
        let parameters = &self.parameters;
        let one_of = |name: &str, words: &[&str]| Ok(parameters.one_of(name, words)?.map(str::to_owned));
        parameters.one_of("tax_id_collection[required]", &["if_supported", "never"])?;
        let end_behavior = "subscription_data[trial_settings][end_behavior][missing_payment_method]";
        Ok(SessionSettings {
            locale: one_of("locale", &LOCALES)?,
            allow_promotion_codes: parameters.flag("allow_promotion_codes")?,
            billing_address_collection: one_of("billing_address_collection", &["auto", "required"])?,
            payment_method_collection: one_of("payment_method_collection", &["always", "if_required"])?,
            automatic_tax: parameters.flag("automatic_tax[enabled]")?.unwrap_or(false),
            tax_id_collection: parameters.flag("tax_id_collection[enabled]")?,
            invoice_creation: parameters.flag("invoice_creation[enabled]")?.unwrap_or(false),
            customer_email: parameters.text("customer_email")?,
            payment_metadata: parameters.metadata_of("payment_intent_data[metadata]")?,
            subscription_metadata: parameters.metadata_of("subscription_data[metadata]")?,
            trial_days: self.trial_days()?,
            missing_payment_method: one_of(end_behavior, &["cancel", "create_invoice", "pause"])?,
        })
    }

    fn trial_days(&self) -> Result<Option<i64>, StripeError> {
        let days = self.parameters.integer("subscription_data[trial_period_days]", 1..=TRIAL_DAYS_MAX)?;
        let name = "subscription_data[trial_end]";
        let Some(end) = self.parameters.integer(name, 0..=i64::MAX)? else { return Ok(days) };
        if days.is_some() {
            let message = "You may only specify one of these parameters: trial_end, trial_period_days.";
            return Err(StripeError::invalid_value(name, message.to_owned()));
        }
        if end < self.account.now + TRIAL_S_MIN {
            let message = "The `trial_end` date has to be at least 2 days in the future.";
            return Err(StripeError::invalid_value(name, message.to_owned()));
        }
        Ok(Some((end - self.account.now) / DAY_S))
    }

    /// Returns the customer, after the checks of what the session would have to change on it.
    fn session_customer(&self) -> Result<Option<String>, StripeError> {
        let parameters = &self.parameters;
        let update =
            |field: &str| parameters.one_of(&format!("customer_update[{field}]"), &["auto", "never"]);
        let (address, name, _) = (update("address")?, update("name")?, update("shipping")?);
        let Some(id) = parameters.get("customer")? else {
            if parameters.has("customer_update") {
                let message = "`customer_update` can only be used with `customer`.";
                return Err(StripeError::invalid_value("customer_update", message.to_owned()));
            }
            return Ok(None);
        };
        if parameters.has("customer_email") {
            let message = "You may only specify one of these parameters: customer, customer_email.";
            return Err(StripeError::invalid_value("customer_email", message.to_owned()));
        }
        if self.find::<Customer>(id, "customer")?.deleted {
            return Err(StripeError::missing("customer", id, "customer", None));
        }
        if parameters.flag("automatic_tax[enabled]")? == Some(true) && address != Some("auto") {
            let message = "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a \
                           valid address to the Customer or set either `customer_update[address]` to 'auto' or \
                           `customer_update[shipping]` to 'auto' to save the address entered in Checkout to the \
                           Customer.";
            let error = StripeError::invalid_value("automatic_tax", message.to_owned());
            return Err(error.code("customer_tax_location_invalid"));
        }
        if parameters.flag("tax_id_collection[enabled]")? == Some(true) && name != Some("auto") {
            let message = "Tax ID collection requires updating business name on the customer. To enable tax ID \
                           collection for an existing customer, please set `customer_update[name]` to `auto`.";
            return Err(StripeError::invalid_value("customer_update", message.to_owned()));
        }
        Ok(Some(id.to_owned()))
    }

    /// Returns the lines that are bought, and their currency.
    fn line_items(&self, mode: &str) -> Result<(Vec<LineItem>, String), StripeError> {
        let refuse = |param: &str, message: &str| Err(StripeError::invalid_value(param, message.to_owned()));
        let (mut items, mut currency, mut recurring) = (Vec::new(), None, 0);
        for element in self.parameters.elements("line_items") {
            let name = format!("{element}[price]");
            let price = self.find::<Price>(self.parameters.required(&name)?, &name)?;
            if !price.active {
                return refuse(
                    &name,
                    "The price specified is inactive. This field only accepts active prices.",
                );
            }
            if currency.get_or_insert(&price.currency) != &&price.currency {
                return refuse("line_items", "All prices of a Checkout Session must have the same currency.");
            }
            recurring += usize::from(price.recurring.is_some());
            let name = format!("{element}[quantity]");
            let quantity = self.parameters.integer(&name, 1..=QUANTITY_MAX)?;
            let Some(quantity) = quantity else {
                return refuse(&name, &format!("Quantity is required. Add `quantity` to `{element}`"));
            };
            items.push(LineItem { price: price.id.clone(), quantity });
        }
        match mode {
            _ if items.is_empty() => Err(StripeError::missing_parameter("line_items")),
            _ if recurring > LINE_ITEMS_MAX || items.len() - recurring > LINE_ITEMS_MAX => {
                refuse("line_items", &format!("You can have up to {LINE_ITEMS_MAX} line items of each type."))
            }
            "payment" if recurring > 0 => refuse(
                "line_items",
                "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or \
                 use only one-time prices.",
            ),
            "subscription" if recurring == 0 => refuse(
                "line_items",
                "You must provide at least one recurring price in `subscription` mode when using prices.",
            ),
            _ => Ok((items, currency.cloned().unwrap_or_default())),
        }
    }

    /// Returns the amount that is charged immediately.
    fn amount_now(&self, items: &[LineItem], is_trial: bool) -> i64 {
        let price = |item: &LineItem| self.account.find::<Price>(&item.price).expect("it was found");
        let now = items.iter().filter(|item| !is_trial || price(item).recurring.is_none());
        now.map(|item| price(item).unit_amount * item.quantity).sum()
    }

    fn client_reference_id(&self) -> Result<Option<String>, StripeError> {
        match self.parameters.text("client_reference_id")? {
            Some(reference) if reference.chars().count() > REFERENCE_CHARS_MAX => {
                let message = format!("Invalid string: must be at most {REFERENCE_CHARS_MAX} characters");
                Err(StripeError::invalid_value("client_reference_id", message))
            }
            reference => Ok(reference),
        }
    }

    pub(in super::super) fn url(&self, name: &str) -> Result<Option<String>, StripeError> {
        let Some(url) = self.parameters.text(name)? else { return Ok(None) };
        // A template of Stripe's is not part of a URL's syntax.
        let plain = url.replace("{CHECKOUT_SESSION_ID}", "");
        match reqwest::Url::parse(&plain) {
            Ok(parsed) if parsed.has_host() => Ok(Some(url)),
            _ => Err(StripeError::invalid_value(name, "Not a valid URL".to_owned()).code("url_invalid")),
        }
    }

    fn session_end(&self) -> Result<i64, StripeError> {
        let now = self.account.now;
        let end = self.parameters.integer("expires_at", 0..=i64::MAX)?.unwrap_or(now + SESSION_S);
        let refuse = |message: &str| Err(StripeError::invalid_value("expires_at", message.to_owned()));
        if end < now + SESSION_S_MIN {
            return refuse(
                "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
            );
        }
        if end > now + SESSION_S {
            return refuse(
                "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
            );
        }
        Ok(end)
    }
}
