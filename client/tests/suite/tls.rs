//! TLS, with a certificate authority of the application's own.

use crate::support::{builder, in_time, open_by, until};
use axum::serve::Listener;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, rustls};
use tsugi_client::{Client, Paths, Reason, State, Transport};

/// An authority that nobody else trusts, and a server that it vouches for.
struct Authority {
    certificate: rcgen::Certificate,
    server: rustls::ServerConfig,
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let names = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let leaf = names.signed_by(&key, &issuer).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let server = rustls::ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap();
        Self { certificate, server }
    }

    fn trusted(&self) -> rustls::ClientConfig {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let mut config = rustls::ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        // As one that is also used for other things.
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }

    async fn serve(self) -> String {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let app = axum::Router::new().route_service("/chsk", builder().build().unwrap().service());
        let listener = Tls(tcp, TlsAcceptor::from(Arc::new(self.server)));
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("https://{address}/chsk")
    }
}

struct Tls(TcpListener, TlsAcceptor);

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (tcp, address) = self.0.accept().await.unwrap();
            // Whoever does not trust the server hangs up.
            if let Ok(tls) = self.1.accept(tcp).await {
                return (tls, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

async fn speaks_tls(paths: Paths, transport: Transport) {
    let authority = Authority::new();
    let trusted = authority.trusted();
    let url = authority.serve().await;
    let client = Client::builder().transports(paths).tls(trusted).connect(&url).unwrap();
    let text = "0123456789abcdef".repeat(1_000);
    for _ in 0..3 {
        assert_eq!(in_time(client.request::<String>("test/echo", &text)).await.unwrap(), text);
    }
    in_time(client.send("test/note", &1).unwrap().settled()).await.unwrap();
    open_by(&client, transport).await;
}

#[tokio::test]
async fn a_server_that_an_own_authority_vouches_for_is_spoken_to_over_a_websocket() {
    speaks_tls(Paths::WebSocket, Transport::WebSocket).await;
}

#[tokio::test]
async fn a_server_that_an_own_authority_vouches_for_is_spoken_to_over_long_poll() {
    speaks_tls(Paths::Poll, Transport::Poll).await;
}

#[tokio::test]
async fn a_server_that_nobody_trusted_vouches_for_is_not_spoken_to() {
    let url = Authority::new().serve().await;
    for other in [Client::builder(), Client::builder().tls(Authority::new().trusted())] {
        let client = other.connect(&url).unwrap();
        let state = until(&client, |state| matches!(state, State::Waiting { .. })).await;
        let State::Waiting { loss, .. } = state else { unreachable!() };
        assert_eq!(loss.reason, Reason::Network);
        assert!(loss.message.as_deref().unwrap_or_default().contains("certificate"), "{loss:?}");
    }
}
