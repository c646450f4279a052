//! Creates sessions of the customer portal.

use serde_json::{Value, json};

use super::super::checkout::LOCALES;
use super::super::endpoints::Call;
use super::super::error::StripeError;
use super::super::expand;
use super::super::model::{Customer, PortalFlow, PortalSession, Subscription};
use super::super::objects::Objects;

/// The parameters that this fake supports.
const SUPPORTED: [&str; 11] = [
    "configuration",
    "customer",
    "expand[#]",
    "flow_data[after_completion][hosted_confirmation][custom_message]",
    "flow_data[after_completion][redirect][return_url]",
    "flow_data[after_completion][type]",
    "flow_data[subscription_cancel][subscription]",
    "flow_data[subscription_update][subscription]",
    "flow_data[type]",
    "locale",
    "return_url",
];
/// The parameters that only Stripe supports, not this fake.
const UNSUPPORTED: [&str; 5] = [
    "customer_account",
    "flow_data[customer_update]",
    "flow_data[subscription_cancel][retention]",
    "flow_data[subscription_update_confirm]",
    "on_behalf_of",
];

impl Call<'_> {
    /// Creates a session.
    pub(in super::super) fn create_portal_session(&mut self) -> Result<Value, StripeError> {
        let parameters = &self.parameters;
        parameters.accept(&SUPPORTED, &UNSUPPORTED)?;
        expand::check(&parameters.expand(), "billing_portal.session", false)?;
        let customer = parameters.required("customer")?;
        if self.find::<Customer>(customer, "customer")?.deleted {
            return Err(StripeError::missing("customer", customer, "customer", None));
        }
        let mut session = PortalSession {
            customer: customer.to_owned(),
            configuration: self.portal_configuration()?,
            return_url: self.url("return_url")?,
            locale: parameters.one_of("locale", &LOCALES)?.map(str::to_owned),
            flow: if parameters.has("flow_data") { Some(self.portal_flow(customer)?) } else { None },
            ..PortalSession::default()
        };
        let id = self.account.new_id("bps");
        id.clone_into(&mut session.id);
        session.secret = self.account.new_id(if self.livemode { "live" } else { "test" });
        self.account.put(session);
        self.changed_object::<PortalSession>(&id)
    }

    fn portal_configuration(&self) -> Result<String, StripeError> {
        let all = &self.account.portal_configurations;
        match (self.parameters.get("configuration")?, all.first()) {
            (Some(id), _) if all.iter().any(|known| known == id) => Ok(id.to_owned()),
            (Some(id), _) => Err(StripeError::missing("configuration", id, "configuration", None)),
            (None, Some(default)) => Ok(default.clone()),
            (None, None) => {
                let mode = if self.livemode { "live" } else { "test" };
                Err(StripeError::not_allowed(format!(
                    "No configuration provided and your {mode} mode default configuration has not been created. \
                     Provide a configuration or create your default by saving your customer portal settings in {mode} \
                     mode at https://dashboard.stripe.com/{mode}/settings/billing/portal."
                )))
            }
        }
    }

    fn portal_flow(&self, customer: &str) -> Result<PortalFlow, StripeError> {
        let kinds = [
            "customer_update",
            "payment_method_update",
            "subscription_cancel",
            "subscription_update",
            "subscription_update_confirm",
        ];
        let kind = match self.parameters.one_of("flow_data[type]", &kinds)? {
            None => return Err(StripeError::missing_parameter("flow_data[type]")),
            Some(kind @ ("customer_update" | "subscription_update_confirm")) => {
                return Err(StripeError::not_faked(kind));
            }
            Some(kind) => kind,
        };
        for other in ["subscription_cancel", "subscription_update"] {
            let name = format!("flow_data[{other}]");
            if other != kind && self.parameters.has(&name) {
                let message = format!("You can only pass `{name}` if `flow_data[type]` is `{other}`.");
                return Err(StripeError::invalid_value(&name, message));
            }
        }
        let subscription = match kind {
            "payment_method_update" => None,
            _ => {
                Some(self.portal_subscription(&format!("flow_data[{kind}][subscription]"), kind, customer)?)
            }
        };
        let completion = "flow_data[after_completion]";
        let redirect = self.url(&format!("{completion}[redirect][return_url]"))?;
        let after = ["hosted_confirmation", "portal_homepage", "redirect"];
        let after = self.parameters.one_of(&format!("{completion}[type]"), &after)?;
        if after.is_none() && self.parameters.has(completion) {
            return Err(StripeError::missing_parameter(&format!("{completion}[type]")));
        }
        if after == Some("redirect") && redirect.is_none() {
            return Err(StripeError::missing_parameter(&format!("{completion}[redirect][return_url]")));
        }
        let after_completion = after.unwrap_or("portal_homepage").to_owned();
        Ok(PortalFlow { kind: kind.to_owned(), subscription, after_completion, redirect })
    }

    fn portal_subscription(&self, name: &str, kind: &str, customer: &str) -> Result<String, StripeError> {
        let id = self.parameters.required(name)?;
        let subscription = self.find::<Subscription>(id, name)?;
        if subscription.customer != customer {
            let message = format!("Customer {customer} does not have a subscription with ID {id}");
            return Err(StripeError::not_allowed(message).code("resource_missing").param(name));
        }
        let refuse = |why: &str| {
            Err(StripeError::not_allowed(format!("This subscription cannot be updated because {why}."))
                .param(name))
        };
        if subscription.ended_at.is_some() {
            return refuse("it is canceled");
        }
        if kind == "subscription_cancel" && subscription.cancel_at.is_some() {
            return refuse("it is already set to be canceled");
        }
        if subscription.schedule.is_some() {
            return refuse("it is managed by a subscription schedule");
        }
        Ok(id.to_owned())
    }
}

impl Objects<'_> {
    /// Returns a session of the customer portal.
    pub(in super::super) fn portal_session(&self, session: &PortalSession) -> Value {
        json!({
            "id": session.id,
            "object": "billing_portal.session",
            "configuration": session.configuration,
            "created": session.created,
            "customer": session.customer,
            "customer_account": null,
            "flow": session.flow.as_ref().map(flow),
            "livemode": self.livemode,
            "locale": session.locale,
            "on_behalf_of": null,
            "return_url": session.return_url,
            "url": format!("{}/p/session/{}", self.account.pages_url, session.secret),
        })
    }
}

fn flow(flow: &PortalFlow) -> Value {
    let subscription_of =
        |kind: &str| (flow.kind == kind).then(|| json!({"subscription": flow.subscription}));
    json!({
        "after_completion": {
            "hosted_confirmation": null,
            "redirect": flow.redirect.as_ref().map(|url| json!({"return_url": url})),
            "type": flow.after_completion,
        },
        "subscription_cancel": subscription_of("subscription_cancel"),
        "subscription_update": subscription_of("subscription_update"),
        "subscription_update_confirm": null,
        "type": flow.kind,
    })
}
