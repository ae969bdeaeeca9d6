//! [`Tls`]: whom a client trusts, and who it is, over https and wss (row B17, hazard S15).
//!
//! rustls with *ring*; the roots are the system's, read once a process. Leaves out revocation, which rustls leaves to the
//! user's own lists, and everything older than TLS 1.2.

use std::{
    error::Error,
    fmt, io,
    sync::{Arc, OnceLock},
};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
};
use tokio_rustls::TlsConnector;

use crate::transport::byte_stream::ByteStream;

/// Whom to trust and who to be over TLS; [`Config::tls`](super::Config::tls) (row B17).
///
/// The server's certificate is verified unless it is said otherwise, for the host of the address, against the roots of the
/// system and one's own.
///
/// ```no_run
/// use engineio::client::{Certificate, Config, Identity};
///
/// let mut config = Config::default();
/// config.tls.roots = Certificate::from_pem(&std::fs::read("ca.pem")?)?;
/// config.tls.identity = Some(Identity::from_pem(&std::fs::read("me.pem")?, &std::fs::read("me.key")?)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Tls {
    /// Roots to trust beside the system's; default none.
    pub roots: Vec<Certificate>,
    /// Whether to trust [`Tls::roots`] only, and not the system's; default false.
    pub only_own_roots: bool,
    /// The certificate to show where the server asks for one; default none.
    pub identity: Option<Identity>,
    /// The name that the server's certificate has to be for, and that is asked for; default `None`: the address's host.
    pub server_name: Option<String>,
    /// Whether to talk to anybody, whatever certificate they have. Everything that is sent and received can then be read and
    /// changed by who is on the way; it is for trying things out. Default false (hazard S15). A certificate that is not
    /// from a known authority is better put into [`Tls::roots`].
    pub danger_accept_invalid_certificates: bool,
}

/// A certificate, for [`Tls::roots`].
///
/// ```
/// assert!(engineio::client::Certificate::from_pem(b"no certificate").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate(CertificateDer<'static>);

/// A certificate with its chain, and the key to it, for [`Tls::identity`].
///
/// ```
/// assert!(engineio::client::Identity::from_pem(b"no certificate", b"no key").is_err());
/// ```
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Certificate {
    /// The certificates in a PEM file.
    ///
    /// # Errors
    /// Where there is none, or one that cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Vec<Self>, InvalidPem> {
        let chain = chain(pem)?;
        Ok(chain.into_iter().map(Self).collect())
    }

    /// One certificate in DER. What is in it is looked at when it is used.
    #[must_use]
    pub fn from_der(der: Vec<u8>) -> Self {
        Self(der.into())
    }
}

impl Identity {
    /// From PEM files: the certificate and those between it and a root, and its private key. A key that has a passphrase
    /// is not read.
    ///
    /// # Errors
    /// Where a file has not what is expected of it. Whether they belong together turns out with the first connection.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, InvalidPem> {
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| InvalidPem::Key)?;
        Ok(Self { chain: chain(certificates)?, key })
    }
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, InvalidPem> {
    let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    chain.ok().filter(|chain| !chain.is_empty()).ok_or(InvalidPem::Certificate)
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

/// Without the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}

/// A file that is not what it was taken for.
///
/// ```
/// use engineio::client::{Certificate, InvalidPem};
///
/// assert_eq!(Certificate::from_pem(b""), Err(InvalidPem::Certificate));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidPem {
    /// There should be certificates.
    Certificate,
    /// There should be a private key.
    Key,
}

impl fmt::Display for InvalidPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "there are no certificates in PEM form (-----BEGIN CERTIFICATE-----), or a broken one",
            Self::Key => "there is no private key in PEM form without a passphrase (-----BEGIN PRIVATE KEY-----)",
        })
    }
}

impl Error for InvalidPem {}

/// What [`Tls`] comes to.
#[derive(Clone)]
pub(super) struct Connector {
    config: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
}

impl Connector {
    /// Reads files, the first time: not for a thread that others wait for.
    ///
    /// # Errors
    /// What is wrong with the configuration, as a sentence.
    pub(super) fn new(tls: &Tls) -> Result<Self, (&'static str, Option<rustls::Error>)> {
        let provider = Arc::new(ring::default_provider());
        let versions = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| ("TLS cannot be used here", Some(error)))?;
        let verified = if tls.danger_accept_invalid_certificates {
            versions.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        } else {
            let mut roots = if tls.only_own_roots { RootCertStore::empty() } else { system_roots().clone() };
            for Certificate(root) in &tls.roots {
                let invalid = "one of Config::tls's roots is no certificate of an authority";
                roots.add(root.clone()).map_err(|error| (invalid, Some(error)))?;
            }
            if roots.is_empty() {
                return Err(("there are no roots to trust: the system has none, so set Config::tls's roots", None));
            }
            versions.with_root_certificates(roots)
        };
        let mut config = match tls.identity.clone() {
            None => verified.with_no_client_auth(),
            Some(Identity { chain, key }) => verified
                .with_client_auth_cert(chain, key)
                .map_err(|error| ("Config::tls's identity cannot be used", Some(error)))?,
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let server_name = tls.server_name.clone().map(ServerName::try_from).transpose();
        let server_name = server_name.map_err(|_| ("Config::tls's server_name is not a host name", None))?;
        Ok(Self { config: Arc::new(config), server_name })
    }

    /// Speaks TLS with the server of that name.
    pub(super) async fn connect(&self, stream: ByteStream, host: &str) -> io::Result<ByteStream> {
        let of_host = || ServerName::try_from(host.to_owned()).map_err(io::Error::other);
        let name = self.server_name.clone().map_or_else(of_host, Ok)?;
        let stream = TlsConnector::from(self.config.clone()).connect(name, stream).await?;
        Ok(ByteStream::Other(Box::new(stream)))
    }
}

/// The system's roots: those that can be read, which may be none.
fn system_roots() -> &'static RootCertStore {
    static ROOTS: OnceLock<RootCertStore> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "some of the system's root certificates cannot be read");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        roots
    })
}

/// Takes every certificate. That who shows it has its key is still checked, as nothing is gained by not doing so.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
