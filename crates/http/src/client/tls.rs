//! TLS: whom to trust, and what a channel binds a logon to.

use std::sync::Arc;

use ntlm::ChannelBindings;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme};

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
            builder.with_root_certificates(self.roots()?).with_no_client_auth()
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
