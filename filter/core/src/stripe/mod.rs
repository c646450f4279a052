//! What Stripe sends and answers: signatures, events, subscriptions.
