//! The checkout sessions of a subject's customer: finds one that can be used again, expires the others, and
//! creates one.

use super::context::BillingContext;
use super::error::BillingError;
use crate::config::note_keys::PARAMETERS_KEY;
use crate::ids::{CheckoutSessionId, CustomerId};
use crate::stripe::hosted_session::BuyerSession;
use crate::stripe::write::{IdempotencyKey, Parameters};
use crate::sync::{SyncError, named_in};

/// Returns the latest page of the customer's sessions, newest first.
pub(super) async fn list_sessions(
    cx: &BillingContext,
    customer: &CustomerId,
) -> Result<Vec<BuyerSession>, BillingError> {
    let callout = cx.stripe().list_customer_sessions(customer);
    Ok(cx.read("GET /v1/checkout/sessions", callout, BuyerSession::parse_list).await?.unwrap_or_default())
}

/// Returns the open session with exactly these parameters, or creates one. Other open sessions that Tollgate
/// created for subscriptions are expired first, so that the buyer can pay only one. Returns `None` if another
/// session was completed or expired in the meantime, so that the account must be read again.
pub(super) async fn open_session(
    cx: &BillingContext,
    sessions: Vec<BuyerSession>,
    form: Parameters,
    sells_subscription: bool,
) -> Result<Option<BuyerSession>, BillingError> {
    let parameters_hash = IdempotencyKey::new(&[&form.encode()]).as_str().to_owned();
    let newest = sessions.first().map(|session| session.id.as_str().to_owned()).unwrap_or_default();
    let (mut reusable, mut others) = (None, Vec::new());
    for session in
        sessions.into_iter().filter(|session| is_payable(session, cx) && is_of_subject(session, cx))
    {
        match session.metadata.get(PARAMETERS_KEY) {
            Some(known) if known == parameters_hash && reusable.is_none() => reusable = Some(session),
            Some(_) if sells_subscription && session.sells_subscription => others.push(session.id),
            _ => {}
        }
    }
    for other in others {
        if expire(cx, &other).await? == Expiry::HasEnded {
            return Ok(None);
        }
    }
    if reusable.is_some() {
        return Ok(reusable);
    }
    let form = form.with(format!("metadata[{PARAMETERS_KEY}]"), &parameters_hash);
    let request = |key: &IdempotencyKey| cx.stripe().create_checkout_session(&form, key);
    let parts = [parameters_hash.as_str(), newest.as_str()];
    let still_holds = async |session: &BuyerSession| Ok(is_payable(session, cx));
    cx.create("POST /v1/checkout/sessions", &parts, request, BuyerSession::parse, still_holds).await.map(Some)
}

/// Expires Tollgate's other open sessions once more after a session was created, because another gateway may
/// have created one with other parameters at the same time. The newest session stays open.
///
/// # Errors
/// A transient error if the created session is not the newest one. The created session is then expired, and
/// the next request finds the newer one.
pub(super) async fn expire_concurrent(
    cx: &BillingContext,
    customer: &CustomerId,
    created: &BuyerSession,
) -> Result<Expiry, BillingError> {
    let sessions = list_sessions(cx, customer).await?;
    let own_open = sessions.into_iter().filter(|session| {
        let is_created_by_tollgate =
            session.metadata.get(PARAMETERS_KEY).is_some() && is_of_subject(session, cx);
        is_created_by_tollgate && session.sells_subscription && is_payable(session, cx)
    });
    let mut own_open = own_open.map(|session| session.id);
    let is_newest = own_open.next().is_none_or(|newest| newest == created.id);
    if !is_newest {
        expire(cx, &created.id).await?;
        return Err(BillingError::transient("another checkout was opened at the same time"));
    }
    for older in own_open {
        if expire(cx, &older).await? == Expiry::HasEnded {
            return Ok(Expiry::HasEnded);
        }
    }
    Ok(Expiry::Expired)
}

/// Returns whether a session names the subject. Two subjects may have the same customer recorded.
fn is_of_subject(session: &BuyerSession, cx: &BillingContext) -> bool {
    let keys = &cx.settings().sync.subject_keys;
    named_in(&session.metadata, keys).subject.as_ref() == Some(&cx.subject)
}

/// Returns whether the buyer can still pay in the session.
fn is_payable(session: &BuyerSession, cx: &BillingContext) -> bool {
    session.is_open && session.url.is_some() && session.expires_at_s > cx.now().as_secs()
}

/// The result of expiring a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// The session is expired now.
    Expired,
    /// The session was completed or expired in the meantime.
    HasEnded,
}

/// Expires a session.
///
/// # Errors
/// [`BillingError::Service`].
async fn expire(cx: &BillingContext, session: &CheckoutSessionId) -> Result<Expiry, BillingError> {
    let callout = cx.stripe().expire_checkout_session(session);
    match cx.send("POST /v1/checkout/sessions/:id/expire", callout, |_| Ok(())).await {
        Ok(()) => Ok(Expiry::Expired),
        Err(BillingError::Service(SyncError::Refused { .. })) => Ok(Expiry::HasEnded),
        Err(error) => Err(error),
    }
}
