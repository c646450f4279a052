//! What a gateway on a platform stands between: the service behind it, and the fakes of Stripe and Clerk behind TLS.

use crate::fakes::clerk::FakeClerk;
use crate::fakes::stripe::FakeStripe;
use crate::fakes::tls_front::TlsFront;
use crate::fakes::upstream::{Backend, Certificate};
use std::path::PathBuf;

/// The names that the certificates of the real services hold.
const NAMES: [&str; 2] = ["api.stripe.com", "api.clerk.com"];

/// All of it.
pub struct Site {
    /// The service.
    pub backend: Backend,
    /// Stripe, which is reached at [`Site::stripe_api`] only.
    pub stripe: FakeStripe,
    /// Clerk, which is reached at [`Site::clerk_api`] only.
    pub clerk: FakeClerk,
    /// Where the gateway finds Stripe's API, with TLS.
    pub stripe_api: TlsFront,
    /// Where the gateway finds Clerk's API, with TLS.
    pub clerk_api: TlsFront,
    certificate: Certificate,
}

impl Site {
    /// A site whose APIs show certificates for their names.
    pub async fn open() -> Site {
        Site::with(Certificate::for_names(&NAMES)).await
    }

    /// A site in which somebody else answers in the place of both APIs: the authority is trusted, the names are others.
    pub async fn with_impostors() -> Site {
        Site::with(Certificate::for_names(&["api.example.com"])).await
    }

    async fn with(certificate: Certificate) -> Site {
        let (backend, stripe, clerk) =
            (Backend::start().await, FakeStripe::start().await, FakeClerk::start().await);
        let stripe_api = TlsFront::before(stripe.addr(), &certificate).await;
        let clerk_api = TlsFront::before(clerk.addr(), &certificate).await;
        Site { backend, stripe, clerk, stripe_api, clerk_api, certificate }
    }

    /// The authority that the gateway is to trust, PEM.
    pub fn authority(&self) -> PathBuf {
        self.certificate.authority()
    }
}
