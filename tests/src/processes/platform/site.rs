//! The surroundings of a gateway on a platform: the upstream, and the fakes of Stripe and Clerk behind TLS.

use crate::fakes::clerk::FakeClerk;
use crate::fakes::stripe::FakeStripe;
use crate::fakes::tls_proxy::TlsProxy;
use crate::fakes::upstream::{Backend, Certificate};
use std::path::PathBuf;

/// The DNS names in the certificates of the real services.
const NAMES: [&str; 2] = ["api.stripe.com", "api.clerk.com"];

/// The upstream and the API fakes of a gateway.
pub struct Site {
    /// The upstream.
    pub backend: Backend,
    /// The fake of Stripe, which the gateway reaches at [`Site::stripe_api`] only.
    pub stripe: FakeStripe,
    /// The fake of Clerk, which the gateway reaches at [`Site::clerk_api`] only.
    pub clerk: FakeClerk,
    /// The TLS address of Stripe's API.
    pub stripe_api: TlsProxy,
    /// The TLS address of Clerk's API.
    pub clerk_api: TlsProxy,
    certificate: Certificate,
}

impl Site {
    /// Starts a site whose APIs have certificates for their names.
    pub async fn open() -> Site {
        Site::with(Certificate::for_names(&NAMES)).await
    }

    /// Starts a site whose APIs have certificates of a trusted authority for other names, as an impostor's
    /// would be.
    pub async fn with_impostors() -> Site {
        Site::with(Certificate::for_names(&["api.example.com"])).await
    }

    async fn with(certificate: Certificate) -> Site {
        let (backend, stripe, clerk) =
            (Backend::start().await, FakeStripe::start().await, FakeClerk::start().await);
        let stripe_api = TlsProxy::start(stripe.addr(), &certificate).await;
        let clerk_api = TlsProxy::start(clerk.addr(), &certificate).await;
        Site { backend, stripe, clerk, stripe_api, clerk_api, certificate }
    }

    /// Returns the certificate of the authority that the gateway must trust, PEM.
    pub fn authority(&self) -> PathBuf {
        self.certificate.authority()
    }
}
