//! Terminates TLS in front of a fake that serves plain HTTP, as a load balancer does in front of the real
//! service.

use crate::fakes::server::FakeListener;
use crate::fakes::upstream::Certificate;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A TLS listener in front of a service. It stops when it is dropped.
#[derive(Debug)]
pub struct TlsProxy {
    listener: FakeListener,
}

impl TlsProxy {
    /// Listens with `certificate` on a free port of the loopback, and forwards connections to `service`.
    ///
    /// # Panics
    /// If the certificate cannot be read.
    pub async fn start(service: SocketAddr, certificate: &Certificate) -> TlsProxy {
        let chain = CertificateDer::pem_file_iter(certificate.certificate()).expect("a certificate");
        let chain = chain.collect::<Result<_, _>>().expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(certificate.key()).expect("a key");
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
        let acceptor = TlsAcceptor::from(Arc::new(config.expect("the key of the certificate")));
        TlsProxy {
            listener: FakeListener::start(move |stream| forward(stream, acceptor.clone(), service)).await,
        }
    }

    /// Returns the address at which it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }
}

/// Forwards one connection. A client that rejects the certificate is not served.
async fn forward(stream: TcpStream, acceptor: TlsAcceptor, service: SocketAddr) {
    let Ok(mut client) = acceptor.accept(stream).await else { return };
    let Ok(mut server) = TcpStream::connect(service).await else { return };
    let _ = copy_bidirectional(&mut client, &mut server).await;
}
