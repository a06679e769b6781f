//! `ntlm serve`: NTLM in front of the web.
//!
//! ```text
//! listen    accepts connections, TLS, graceful stop          tls, stream
//!   |
//! front     one connection: limits, log                      body
//!   |
//! NtlmLayer who is it (crate ntlm-http)                      accounts, setup, audit
//!   |
//! site      what a user gets: files | upstream | who
//! ```

mod accounts;
mod audit;
mod body;
mod certificate;
mod files;
mod front;
mod listen;
mod log;
mod options;
mod setup;
mod site;
mod stream;
mod tls;
mod upstream;
mod who;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use crate::failure::Failure;
use accounts::Source;
use listen::Listening;
use ntlm_accounts::{Throttle, ThrottlePolicy, Throttled};
use ntlm_http::server::NtlmLayer;
pub(crate) use options::Arguments;
use setup::Setup;
use site::Site;
use tls::Certificate;

/// How often it is looked whether the accounts are in another domain than before.
const NAMES_PERIOD: Duration = Duration::from_secs(5);

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    log::start(arguments);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(arguments))
}

async fn serve(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let configuration = setup::configuration()?;
    let source = Source::choose(arguments, configuration.as_ref())?;
    let accounts = source.load()?;
    for warning in &accounts.warnings {
        tracing::warn!("{warning}");
    }
    setup::warn_of_several(&accounts.domains, &arguments.names, configuration.as_ref());
    let certificate = match (&arguments.cert, &arguments.key) {
        (Some(cert), Some(key)) => Some(Certificate::load(cert, key)?),
        _ => None,
    };
    let site = Site::new(arguments)?;
    let listening = Listening::bind(&arguments.listen).await?;
    let Setup { settings, bindings, summary } = setup::setup(
        arguments,
        configuration.as_ref(),
        accounts.domains.only(),
        certificate.as_ref(),
        &listening.addresses()?,
    )?;

    let audit = audit::sink(arguments)?;
    let mut policy = ThrottlePolicy::default();
    (policy.account_failures, policy.address_failures) = (arguments.lock_out, arguments.address_failures);
    let throttle = Arc::new(Throttle::new(policy));
    let acceptor = ntlm_http::server::Acceptor::new(settings);
    let acceptor = Arc::new(acceptor.with_audit(audit.sink()).with_throttle(Arc::clone(&throttle)));
    let source = Arc::new(source.without_waiting());
    let authority = Throttled::new(Arc::clone(&source).authority(), throttle);
    let layer = NtlmLayer::new(Arc::clone(&acceptor), authority.with_audit(audit.sink()));

    setup::announce(arguments, &source, &accounts, &summary, &listening.addresses()?);
    let (names, configuration) = (arguments.names.clone(), configuration.map(Arc::new));
    tokio::spawn(async move {
        let mut known = accounts.domains;
        loop {
            tokio::time::sleep(NAMES_PERIOD).await;
            // A large file takes its time.
            let looking = Arc::clone(&source);
            match tokio::task::spawn_blocking(move || looking.domains()).await {
                Ok(Ok(domains)) if domains != known => {
                    setup::warn_of_several(&domains, &names, configuration.as_deref());
                    acceptor.set_names(&setup::server_names(&names, configuration.as_deref(), domains.only()));
                    known = domains;
                }
                // Whoever logs on meanwhile finds out.
                Ok(Ok(_) | Err(_)) | Err(_) => {}
            }
        }
    });
    listening.serve(arguments, layer, site, certificate, bindings).await?;
    audit.finish();
    Ok(ExitCode::SUCCESS)
}
