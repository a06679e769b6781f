//! The server's certificate: TLS, channel bindings, names.

use std::path::Path;
use std::sync::Arc;

use ntlm::ChannelBindings;
use ntlm::certificate::CertificateError;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::certificate;
use crate::failure::Failure;

/// A certificate with its key.
pub(super) struct Certificate {
    pub(super) acceptor: TlsAcceptor,
    /// Of the server itself: the first of the chain.
    leaf: CertificateDer<'static>,
    /// The names in it.
    pub(super) names: Vec<String>,
}

impl Certificate {
    /// Reads chain and key.
    pub(super) fn load(cert: &Path, key: &Path) -> Result<Self, Failure> {
        let failed =
            |path: &Path, error: &dyn std::fmt::Display| Failure::unusable(format!("{}: {error}", path.display()));
        let chain = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let chain = chain.map_err(|error| failed(cert, &error))?;
        let Some(leaf) = chain.first().cloned() else { return Err(failed(cert, &"no certificate in PEM in it")) };
        let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, &error))?;
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key_der)
            .map_err(|error| failed(key, &format_args!("the key does not go with the certificate: {error}")))?;
        // Nothing else: NTLM authenticates a connection, and HTTP/2 mixes several users' requests on one.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let names = certificate::names(&leaf);
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), leaf, names })
    }

    /// `tls-server-end-point` of its connections.
    pub(super) fn channel_bindings(&self) -> Result<ChannelBindings, CertificateError> {
        ChannelBindings::from_certificate(&self.leaf)
    }
}
