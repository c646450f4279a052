//! Configurations of the customer portal: <https://docs.stripe.com/api/customer_portal/configurations>.

use serde_json::{Value, json};

use super::super::endpoints::Call;
use super::super::error::StripeError;

impl Call<'_> {
    /// Retrieves a configuration.
    pub(in super::super) fn portal_configuration_object(&self, id: &str) -> Result<Value, StripeError> {
        self.parameters.accept(&[], &["expand"])?;
        let is_known = self.account.portal_configurations.iter().any(|known| known == id);
        let missing = |other_mode| Err(StripeError::missing("configuration", id, "id", other_mode));
        match (is_known, self.other_mode) {
            (true, false) => Ok(self.shown_portal_configuration(id)),
            (true, true) => missing(Some(!self.livemode)),
            (false, _) => missing(self.account.is_in_other_mode(id).then_some(self.livemode)),
        }
    }

    /// Lists the configurations, at most a page of them.
    pub(in super::super) fn portal_configurations_list(&self) -> Result<Value, StripeError> {
        let known = ["active", "is_default", "limit"];
        self.parameters.accept(&known, &["ending_before", "expand", "starting_after"])?;
        let (active, is_default) = (self.parameters.flag("active")?, self.parameters.flag("is_default")?);
        let limit = self.parameters.limit()?;
        let all = self.account.portal_configurations.iter().filter(|_| !self.other_mode);
        let fits = |shown: &Value| {
            active.is_none_or(|wanted| shown["active"] == wanted)
                && is_default.is_none_or(|wanted| shown["is_default"] == wanted)
        };
        let mut data: Vec<Value> =
            all.map(|id| self.shown_portal_configuration(id)).filter(|shown| fits(shown)).collect();
        let has_more = data.len() > limit;
        data.truncate(limit);
        Ok(json!({
            "object": "list", "data": data, "has_more": has_more, "url": "/v1/billing_portal/configurations",
        }))
    }

    fn shown_portal_configuration(&self, id: &str) -> Value {
        let is_default = self.account.portal_configurations.first().is_some_and(|default| default == id);
        json!({
            "id": id,
            "object": "billing_portal.configuration",
            "active": !self.account.inactive_portal_configurations.iter().any(|inactive| inactive == id),
            "application": null,
            "business_profile": {"headline": null, "privacy_policy_url": null, "terms_of_service_url": null},
            "created": 1_767_225_600,
            "default_return_url": null,
            "features": {
                "customer_update": {"allowed_updates": [], "enabled": false},
                "invoice_history": {"enabled": true},
                "payment_method_update": {"enabled": true, "payment_method_configuration": null},
                "subscription_cancel": {
                    "cancellation_reason": {"enabled": false, "options": []},
                    "enabled": true,
                    "mode": "at_period_end",
                    "proration_behavior": "none",
                },
                "subscription_update": {
                    "billing_cycle_anchor": null,
                    "default_allowed_updates": [],
                    "enabled": false,
                    "products": [],
                    "proration_behavior": "none",
                    "schedule_at_period_end": {"conditions": []},
                    "trial_update_behavior": "end_trial",
                },
            },
            "is_default": is_default,
            "livemode": self.livemode,
            "login_page": {"enabled": false, "url": null},
            "metadata": {},
            "name": null,
            "updated": 1_767_225_600,
        })
    }
}
