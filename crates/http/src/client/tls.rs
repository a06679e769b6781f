//! TLS: whom to trust, and what a channel binds a logon to.

use std::sync::Arc;

use ntlm::ChannelBindings;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// Whose certificates are trusted.
#[derive(Clone, Debug, Default)]
pub(super) struct Trust {
    /// Besides those that the system trusts.
    pub(super) added: Vec<CertificateDer<'static>>,
    /// Anybody's.
    pub(super) anybody: bool,
}

impl Trust {
    /// The configuration of TLS: HTTP/1.1 alone, over which there is NTLM.
    pub(super) fn config(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?;
        let mut config = if self.anybody {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider))).with_no_client_auth()
        } else {
            let verifier = verifier(self.roots()?, self.added.clone())?;
            builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn roots(&self) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        for certificate in &self.added {
            let added = roots.add(certificate.clone());
            added.map_err(|error| format!("a certificate that should be trusted cannot be used: {error}"))?;
        }
        // Systems hold certificates that nobody can use any more; they are left out.
        let native = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(native.certs);
        if roots.is_empty() {
            let reason = native.errors.first().map_or_else(String::new, |error| format!(": {error}"));
            return Err(format!(
                "this system has no certificates to trust{reason}; install them (ca-certificates), or name one"
            ));
        }
        Ok(roots)
    }
}

/// The bindings of the channel: `tls-server-end-point`. `None` where none are defined for the certificate (RFC 5929 section 4.1).
pub(super) fn bindings(connection: &ClientConnection) -> Option<ChannelBindings> {
    let leaf = connection.peer_certificates()?.first()?;
    ChannelBindings::from_certificate(leaf).ok()
}

/// What verifies certificates of servers: as rustls does with `roots`, in which also those in `named` are, and one thing besides. A server may show a certificate of `named` itself
/// although it is marked as that of a certification authority, which is what `openssl req -x509` makes: the name, its time and the possession of its key are checked
/// as for any other.
///
/// # Errors
///
/// When there is nothing to trust.
pub fn verifier(
    roots: RootCertStore,
    named: Vec<CertificateDer<'static>>,
) -> Result<Arc<dyn ServerCertVerifier>, String> {
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider()));
    let usual = verifier.build().map_err(|error| format!("there is no certificate to trust: {error}"))?;
    Ok(Arc::new(Named { usual, named }))
}

#[derive(Debug)]
struct Named {
    usual: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.usual.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // webpki looks at the time before it looks at whose certificate it is.
            Err(error) if is_of_authority(&error) && self.named.iter().any(|named| **named == **certificate) => {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// Whether a server showed the certificate of a certification authority as its own, and nothing else was wrong so far. rustls has no name for it, and passes webpki's on.
fn is_of_authority(error: &rustls::Error) -> bool {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => other.to_string() == "CaUsedAsEndEntity",
        _ => false,
    }
}

/// Takes every certificate. Whoever presents one must hold its key all the same, so that a logon stays bound to it.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
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
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
