//! What the server is called and what it accepts, and what is said about it when it starts.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;

use ntlm::{ChannelBindings, ServerNames, UnicodeString};
use ntlm_accounts::Domains;
use ntlm_accounts::config::Config;
use ntlm_http::server::{ExtendedProtection, Settings};

use super::accounts::{Accounts, Source};
use super::options::{Arguments, Epa, Policy};
use super::tls::Certificate;
use crate::accounts::NameOverrides;
use crate::failure::Failure;

/// Bodies longer than this are not read in order to keep a connection whose request is not executed.
const LONGEST_DISCARDED: u64 = 16 << 20;

pub(super) struct Setup {
    pub(super) settings: Settings,
    /// The channel of connections over TLS.
    pub(super) bindings: Option<ChannelBindings>,
    /// Policy and protection in words.
    pub(super) summary: String,
}

/// The configuration that NTLM_CONFIG names.
pub(super) fn configuration() -> Result<Option<Config>, Failure> {
    let Some(path) = std::env::var_os("NTLM_CONFIG").filter(|path| !path.is_empty()) else { return Ok(None) };
    let loaded = Config::load(Path::new(&path)).map_err(|error| Failure::unusable(error.to_string()))?;
    Ok(Some(loaded.config))
}

/// What the server is called: as the options say, or the configuration, or the host.
pub(super) fn server_names(
    given: &NameOverrides,
    configuration: Option<&Config>,
    only_domain: Option<&UnicodeString>,
) -> ServerNames {
    match configuration {
        Some(configuration) if given.is_empty() => configuration.server(&host_name(), only_domain).names().clone(),
        _ => given.server_names(only_domain),
    }
}

/// Tells the administrator that nobody says in which domain users are who name none.
pub(super) fn warn_of_several(domains: &Domains, given: &NameOverrides, configuration: Option<&Config>) {
    let configured = configuration.filter(|_| given.is_empty()).and_then(|it| it.server.netbios_domain.as_deref());
    if *domains == Domains::Several && !given.has_domain() && configured.is_none_or(str::is_empty) {
        tracing::warn!(
            "the accounts are in several domains, and users who name none have accounts of this machine alone; --netbios-domain says which one is meant"
        );
    }
}

fn host_name() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

pub(super) fn setup(
    arguments: &Arguments,
    configuration: Option<&Config>,
    only_domain: Option<&UnicodeString>,
    certificate: Option<&Certificate>,
    listening: &[SocketAddr],
) -> Result<Setup, Failure> {
    let mut settings = Settings::new(server_names(&arguments.names, configuration, only_domain));
    let configured = configuration.filter(|_| arguments.policy.is_none());
    settings.policy = match configured {
        Some(configuration) => configuration.server(&host_name(), None).policy.clone(),
        None => arguments.policy.unwrap_or(Policy::Windows).server(),
    };
    settings.offer_negotiate = arguments.offer_negotiate;
    settings.limits.half_open_logons = arguments.max_half_open;
    settings.limits.half_open_logons_per_address = arguments.max_half_open.div_ceil(4);
    settings.limits.discarded_body = arguments.max_body.min(LONGEST_DISCARDED);
    settings.limits.half_open_lifetime = settings.limits.half_open_lifetime.min(settings.policy.challenge_lifetime);

    let told = configured.is_some_and(|configuration| {
        configuration.server.channel_bindings.is_some() || configuration.server.target_name.is_some()
    });
    let default = if certificate.is_some() { Epa::WhenSupported } else { Epa::Off };
    let epa = match arguments.epa {
        None if told => None,
        epa => Some(epa.unwrap_or(default)),
    };
    if let Some(epa) = epa {
        settings.protect(epa.into(), hosts(arguments, &settings.names, certificate, listening));
    }
    let bindings = match certificate.map(Certificate::channel_bindings) {
        None => None,
        Some(Ok(bindings)) => Some(bindings),
        Some(Err(error)) if epa == Some(Epa::Required) => {
            return Err(Failure::unusable(format!("--epa required: {error}")));
        }
        Some(Err(error)) => {
            tracing::warn!("no channel bindings: {error}");
            None
        }
    };
    let policy = match (configured, arguments.policy) {
        (Some(_), _) => "of NTLM_CONFIG",
        (None, Some(Policy::Strict)) => "strict",
        (None, Some(Policy::Windows) | None) => "windows",
    };
    let protection = match epa.map(ExtendedProtection::from) {
        None => "of NTLM_CONFIG",
        Some(ExtendedProtection::Off) => "off",
        Some(ExtendedProtection::WhenSupported) => "when supported",
        Some(ExtendedProtection::Required) => "required",
    };
    let summary = format!("policy {policy}, extended protection {protection}");
    Ok(Setup { settings, bindings, summary })
}

/// Every name and address by which clients reach this server, as far as it can know.
fn hosts(
    arguments: &Arguments,
    names: &ServerNames,
    certificate: Option<&Certificate>,
    listening: &[SocketAddr],
) -> BTreeSet<String> {
    let host = host_name();
    let label = host.split('.').next().unwrap_or_default().to_owned();
    let mut hosts = BTreeSet::from([label, host, names.nb_computer.to_string_lossy()]);
    hosts.extend(names.dns_computer.as_ref().map(UnicodeString::to_string_lossy));
    hosts.extend(certificate.into_iter().flat_map(|certificate| certificate.names.iter().cloned()));
    // As they were typed, which may be names too.
    let typed = arguments.listen.iter().filter_map(|text| text.rsplit_once(':'));
    hosts.extend(typed.map(|(host, _)| host.trim_start_matches('[').trim_end_matches(']').to_owned()));
    hosts.extend(arguments.name.iter().cloned());
    for address in listening.iter().map(SocketAddr::ip) {
        hosts.insert(address.to_string());
        if address.is_loopback() || address.is_unspecified() {
            hosts.insert("localhost".to_owned());
        }
        match address {
            IpAddr::V4(address) if address.is_unspecified() => {
                hosts.insert(Ipv4Addr::LOCALHOST.to_string());
                hosts.extend(own_address((Ipv4Addr::UNSPECIFIED, Ipv4Addr::new(192, 0, 2, 1))));
            }
            IpAddr::V6(address) if address.is_unspecified() => {
                hosts.extend([Ipv4Addr::LOCALHOST.to_string(), Ipv6Addr::LOCALHOST.to_string()]);
                hosts.extend(own_address((Ipv4Addr::UNSPECIFIED, Ipv4Addr::new(192, 0, 2, 1))));
                hosts.extend(own_address((Ipv6Addr::UNSPECIFIED, Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))));
            }
            IpAddr::V4(_) | IpAddr::V6(_) => {}
        }
    }
    hosts.remove("");
    hosts
}

/// The address from which this machine would talk to the world. Nothing is sent: a datagram socket is given an address of the documentation.
fn own_address<A: Into<IpAddr>>((any, somewhere): (A, A)) -> Option<String> {
    let socket = UdpSocket::bind((any.into(), 0)).ok()?;
    socket.connect((somewhere.into(), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip().to_string())
}

/// The one line that says what was started, and how to try it.
pub(super) fn announce(
    arguments: &Arguments,
    source: &Source,
    accounts: &Accounts,
    summary: &str,
    listening: &[SocketAddr],
) {
    let scheme = if arguments.cert.is_some() { "https" } else { "http" };
    let urls: Vec<_> = listening.iter().map(|address| format!("{scheme}://{address}/")).collect();
    let first = urls.first().map(String::as_str).unwrap_or_default();
    let trust = if arguments.cert.is_some() { "-k " } else { "" };
    let plural = if accounts.number == 1 { "account" } else { "accounts" };
    let line = format!(
        "listening on {} with {} {plural} of {source}, {summary}; try: curl {trust}--ntlm -u USER {first}\n",
        urls.join(" and "),
        accounts.number
    );
    // One write, so that whoever waits for the line gets all of it.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}
