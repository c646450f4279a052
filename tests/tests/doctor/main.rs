//! `tollgate doctor`: the built command between fakes of Stripe and Clerk. A sound world yields nothing, and
//! each defect planted in it yields exactly its check.

mod defects;
mod failures;
mod sound;
mod world;
