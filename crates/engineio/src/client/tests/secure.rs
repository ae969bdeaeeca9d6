//! https and wss. B17, S15.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::client::{Certificate, Identity, Tls, TransportErrorKind};

/// An authority that nobody knows.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for a name and the key to it, as PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn roots(&self) -> Vec<Certificate> {
        Certificate::from_pem(self.0.pem().as_bytes()).unwrap()
    }

    /// A server with a certificate for that name, which asks for one of this authority if it is to.
    async fn server(&self, name: &str, asks: bool) -> Server {
        let (certificate, key) = self.issue(name);
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone()).build().unwrap();
        let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = if asks { versions.with_client_cert_verifier(clients) } else { versions.with_no_client_auth() };
        let mut config = config.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, seen) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, sender) = (acceptor.clone(), sender.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
                    let answer = |request: &str| {
                        if request.contains("websocket") { switching(request, "", b"") } else { ok("ok") }
                    };
                    serve(stream, 0, answer, sender).await;
                });
            }
        });
        Server { port, seen }
    }
}

async fn ask(server: &Server, tls: Tls) -> Result<Bytes, TransportError> {
    get(&endpoint(&format!("https://localhost:{}", server.port), Config { tls, ..Config::default() })).await
}

/// S15: a certificate that nobody known has signed is refused, unless its root is trusted.
#[tokio::test]
async fn a_certificate_is_accepted_by_its_root_and_refused_without() {
    let authority = Authority::new();
    let mut server = authority.server("localhost", false).await;
    for only_own_roots in [false, true] {
        let tls = Tls { roots: authority.roots(), only_own_roots, ..Tls::default() };
        assert_eq!(ask(&server, tls).await.unwrap(), "ok");
        let request = server.request().await;
        assert_eq!(header(&request, "host"), Some(&*format!("localhost:{}", server.port)));
    }
    // With some root of one's own, so that it does not matter what the system has.
    let tls = Tls { roots: Authority::new().roots(), ..Tls::default() };
    let error = ask(&server, tls).await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Tls);
    assert!(error.to_string().contains("add its root to Config::tls's roots"), "{error}");
    // And as it comes.
    let error = ask(&server, Tls::default()).await.unwrap_err();
    assert!(error.kind() == TransportErrorKind::Tls || error.to_string().contains("the system has none"), "{error}");
}

/// B17, S15: the name counts, and can be set; the opt-out is one for everything.
#[tokio::test]
async fn a_certificate_has_to_be_for_the_name_that_is_asked_for() {
    let authority = Authority::new();
    let server = authority.server("elsewhere.test", false).await;
    let tls = Tls { roots: authority.roots(), ..Tls::default() };
    assert_eq!(ask(&server, tls.clone()).await.unwrap_err().kind(), TransportErrorKind::Tls);
    let named = Tls { server_name: Some("elsewhere.test".into()), ..tls.clone() };
    assert_eq!(ask(&server, named).await.unwrap(), "ok");
    let unnamed = Tls { server_name: Some("no name".into()), ..tls };
    assert!(ask(&server, unnamed).await.unwrap_err().is_configuration());
    let anybody = Tls { danger_accept_invalid_certificates: true, ..Tls::default() };
    assert_eq!(ask(&server, anybody).await.unwrap(), "ok");
    let nobody = Tls { only_own_roots: true, ..Tls::default() };
    let error = ask(&server, nobody).await.unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("no roots to trust"), "{error}");
}

/// B17, E64: who is asked for a certificate shows it, if there is one.
#[tokio::test]
async fn a_client_shows_its_certificate_where_it_is_asked_for() {
    let authority = Authority::new();
    let server = authority.server("localhost", true).await;
    let (certificate, key) = authority.issue("me");
    let identity = Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    assert_eq!(format!("{identity:?}"), "Identity { certificates: 1, .. }", "the key is a secret");
    let tls = Tls { roots: authority.roots(), identity: Some(identity), ..Tls::default() };
    assert_eq!(ask(&server, tls.clone()).await.unwrap(), "ok");
    // In TLS 1.3 the client hears of it after its handshake.
    let unknown = Tls { identity: None, ..tls.clone() };
    let kind = ask(&server, unknown).await.unwrap_err().kind();
    assert!(matches!(kind, TransportErrorKind::Tls | TransportErrorKind::Http), "{kind:?}");

    let (_, other_key) = authority.issue("other");
    let mixed = Identity::from_pem(certificate.as_bytes(), other_key.as_bytes()).unwrap();
    let error = ask(&server, Tls { identity: Some(mixed), ..tls }).await.unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("identity"), "{error}");
}

#[tokio::test]
async fn a_websocket_goes_over_tls_too() {
    let authority = Authority::new();
    let server = authority.server("localhost", false).await;
    let tls = Tls { roots: authority.roots(), ..Tls::default() };
    let url = format!("wss://localhost:{}", server.port);
    websocket(&endpoint(&url, Config { tls, ..Config::default() })).await.unwrap();
}

#[tokio::test]
async fn a_server_without_tls_is_an_error_that_says_so() {
    let server = Server::saying("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        while matches!(stream.read(&mut [0; 1000]).await, Ok(1..)) {}
    });
    let tls = Tls { roots: Authority::new().roots(), ..Tls::default() };
    let plain = Server { port, ..server };
    let error = ask(&plain, tls).await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Tls);
    assert!(error.to_string().contains("is it an http or ws server?"), "{error}");
}
