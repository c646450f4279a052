//! Tests of the plan that a subject's subscriptions grant: tables of cases, and properties.

pub(super) mod fixture;
mod missing_data;
mod past_due;
mod properties;
mod resolve;
mod unmapped;
