//! TLS to the server behind. Its certificate is always verified.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What is expected of the server behind.
#[derive(Debug)]
pub(super) struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Tls {
    /// Whoever proves to be `host`, to those whom the system trusts, or to those in the file `ca` (PEM) alone.
    pub(super) fn new(host: &str, ca: Option<&Path>) -> Result<Self, String> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| "no certificate has such a host in it")?;
        let (roots, named) = match ca {
            Some(path) => in_file(path).map_err(|reason| format!("{}: {reason}", path.display()))?,
            None => (of_system()?, Vec::new()),
        };
        let verifier = ntlm_http::client::verifier(roots, named)?;
        let builder = ClientConfig::builder().dangerous().with_custom_certificate_verifier(verifier);
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), name })
    }

    pub(super) async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsConnector::from(Arc::clone(&self.config)).connect(self.name.clone(), stream).await
    }
}

fn in_file(path: &Path) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), String> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = certificates.map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots.add(certificate.clone()).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() { Err("no certificate in PEM in it".to_owned()) } else { Ok((roots, certificates)) }
}

fn of_system() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    // Systems hold certificates that nobody can use any more; they are left out.
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    if !roots.is_empty() {
        return Ok(roots);
    }
    let reason = native.errors.first().map_or_else(String::new, |error| format!(": {error}"));
    Err(format!("this system has no certificates to trust{reason}; name one with --upstream-ca"))
}
