//! Which plan Clerk shows, and what may lower it.

mod paid_plan;
mod plan_before;
mod recorded_subscription;
mod unknown_plan;
mod unmapped_price;
