//! The plan in Clerk's record, and the conditions for lowering it.

mod paid_plan;
mod plan_before;
mod recorded_subscription;
mod unknown_plan;
mod unmapped_price;
