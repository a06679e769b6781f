//! `ntlm http`: a client like curl, for servers and proxies that want NTLM.
//!
//! | module | what |
//! |---|---|
//! | [`options`] | the command line |
//! | [`secret`], [`netrc`] | where passwords come from |
//! | [`request`] | the request, and bodies from files |
//! | [`show`] | `-v`: every step, without what a password could be guessed from |
//! | [`output`](self::output) | the response, its progress, JSON |
//! | [`exit`] | what went wrong, as an exit status |

mod exit;
mod netrc;
mod options;
mod output;
mod request;
mod secret;
mod show;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ntlm::ClientConfig;
use ntlm_http::client::observe::Event;
use ntlm_http::client::{Builder, Client};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::failure::Failure;
pub(crate) use options::Arguments;
use options::Options;
use secret::Secrets;
use show::Log;

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let options = &*arguments.options;
    let request = request::build(options)?;
    let log = Arc::new(Log::new(options));
    let client = client(options, &log)?;
    finish(async {
        let exchange = async {
            let response =
                client.send(request).await.map_err(|error| exit::failure(&error, options.cacert.is_some()))?;
            output::deliver(response, options, &log).await
        };
        match options.max_time {
            None => exchange.await,
            Some(seconds) => {
                let limit = tokio::time::timeout(Duration::from_secs(seconds), exchange).await;
                limit.unwrap_or_else(|_| Err(exit::too_slow(seconds)))
            }
        }
    })?
}

/// Does the work, and waits for nothing else: the system's resolver cannot be interrupted, and takes longer than anybody was told to wait.
fn finish<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(done)
}

/// The client that the options ask for. What is wrong with them is said before anybody types a password.
fn client(options: &Options, log: &Arc<Log>) -> Result<Client, Failure> {
    let unusable = |error: ntlm_http::client::Error| Failure::unusable(error.to_string());
    let mut builder = Client::builder()
        .config(ClientConfig::new(options.policy.client()))
        .schemes(options.scheme.schemes())
        .redirects(if options.location { options.max_redirs } else { 0 })
        .connect_timeout(Duration::from_secs(options.connect_timeout));
    if options.no_channel_bindings {
        builder = builder.dangerous_without_channel_bindings();
    }
    if options.insecure {
        builder = builder.dangerous_accept_invalid_certificates();
    }
    if let Some(path) = &options.cacert {
        builder = trusting(builder, path)?;
    }
    let proxy = options.proxy_url();
    if let Some(proxy) = &proxy {
        builder = builder.proxy(proxy).map_err(unusable)?;
    }
    let mut secrets = Secrets::new(options)?;
    if let Some(credentials) = secrets.of_server()? {
        builder = builder.credentials(&options.url, credentials).map_err(unusable)?;
    }
    if let Some(credentials) = proxy.as_deref().map(|proxy| secrets.of_proxy(proxy)).transpose()?.flatten() {
        builder = builder.proxy_credentials(credentials);
    }
    let log = log.clone();
    Ok(builder.observer(move |event: &Event<'_>| log.observe(event)).build())
}

fn trusting(mut builder: Builder, path: &std::path::Path) -> Result<Builder, Failure> {
    let fail = |reason: String| Failure::unusable(format!("--cacert {}: {reason}", path.display()));
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| fail(error.to_string()))?;
    let mut found = false;
    for certificate in certificates {
        builder = builder.trust(certificate.map_err(|error| fail(error.to_string()))?);
        found = true;
    }
    if found { Ok(builder) } else { Err(fail("there is no certificate in it; it must be PEM".to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolver_that_does_not_answer_is_not_waited_for() {
        let (_answer, resolver) = std::sync::mpsc::channel::<()>();
        let (begun, has_begun) = std::sync::mpsc::channel();
        let (done, is_done) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let outcome = finish(async {
                drop(tokio::task::spawn_blocking(move || {
                    begun.send(()).unwrap();
                    let _ = resolver.recv();
                }));
                has_begun.recv().unwrap();
            });
            done.send(outcome.is_ok()).unwrap();
        });
        assert_eq!(is_done.recv_timeout(Duration::from_secs(30)), Ok(true));
    }
}
