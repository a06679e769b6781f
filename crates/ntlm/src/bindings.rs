//! Channel bindings (RFC 2743, RFC 5929) and the accepted names of a service (MS-NLMP 3.1.1.2, 3.2.5.1.2).

use alloc::string::String;
use alloc::vec::Vec;

use crate::crypto;
use crate::wire::UnicodeString;

/// gss_channel_bindings_struct: what ties a logon to the channel it runs over.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ChannelBindings {
    /// initiator_addrtype; 0 for TLS.
    pub initiator_address_type: u32,
    /// initiator_address; empty for TLS.
    pub initiator_address: Vec<u8>,
    /// acceptor_addrtype; 0 for TLS.
    pub acceptor_address_type: u32,
    /// acceptor_address; empty for TLS.
    pub acceptor_address: Vec<u8>,
    /// application_data: for TLS the prefix of the binding type and the binding.
    pub application_data: Vec<u8>,
}

impl ChannelBindings {
    /// `tls-server-end-point` (RFC 5929 section 4): the hash of the server's leaf certificate in DER, made with the hash function of the
    /// certificate's signature, SHA-256 instead where that is MD5 or SHA-1.
    #[must_use]
    pub fn tls_server_end_point(certificate_hash: &[u8]) -> Self {
        Self::from_parts(b"tls-server-end-point:", certificate_hash)
    }

    /// `tls-server-end-point` of the server's leaf certificate `der`, which is X.509 in DER. The hash function is the one of the certificate's signature,
    /// SHA-256 instead where that is MD5 or SHA-1.
    ///
    /// # Errors
    ///
    /// [`CertificateError`](crate::certificate::CertificateError) for bytes that are no certificate, and for a signature that has no hash function (Ed25519).
    #[cfg(feature = "certificate")]
    pub fn from_certificate(der: &[u8]) -> Result<Self, crate::certificate::CertificateError> {
        crate::certificate::end_point_hash(der).map(|hash| Self::tls_server_end_point(&hash))
    }

    /// `tls-exporter` (RFC 9266): 32 bytes exported from a TLS 1.3 connection. Windows does not use it.
    #[must_use]
    pub fn tls_exporter(exported: &[u8]) -> Self {
        Self::from_parts(b"tls-exporter:", exported)
    }

    /// Bindings of application data alone, whatever they are made of.
    #[must_use]
    pub fn from_application_data(application_data: &[u8]) -> Self {
        Self::from_parts(application_data, &[])
    }

    fn from_parts(prefix: &[u8], data: &[u8]) -> Self {
        Self { application_data: [prefix, data].concat(), ..Self::default() }
    }

    /// Bytes on the heap.
    pub(crate) fn heap(&self) -> usize {
        self.initiator_address.capacity() + self.acceptor_address.capacity() + self.application_data.capacity()
    }

    /// Whether these are no bindings at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The structure as it is hashed: all integers 32 bits, little-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(
            20 + self.initiator_address.len() + self.acceptor_address.len() + self.application_data.len(),
        );
        let mut counted = |bytes: &[u8], address_type: Option<u32>| {
            out.extend(address_type.into_iter().flat_map(u32::to_le_bytes));
            out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
            out.extend(bytes);
        };
        counted(&self.initiator_address, Some(self.initiator_address_type));
        counted(&self.acceptor_address, Some(self.acceptor_address_type));
        counted(&self.application_data, None);
        out
    }

    /// The value of MsvAvChannelBindings: the MD5 of the structure, zeros for empty bindings.
    #[must_use]
    pub fn hash(&self) -> [u8; 16] {
        if self.is_empty() { [0; 16] } else { crypto::md5(&[&self.to_bytes()]) }
    }
}

/// The service names that a server answers to.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AcceptedTargets {
    /// Service classes (`HTTP`, `cifs`), in any case; empty for every class.
    pub service_classes: Vec<String>,
    /// Host names and addresses by which clients may reach this server, in any case, without port.
    pub hosts: Vec<String>,
}

impl AcceptedTargets {
    /// Accepts `hosts` with any service class.
    pub fn hosts<T: Into<String>>(hosts: impl IntoIterator<Item = T>) -> Self {
        Self { service_classes: Vec::new(), hosts: hosts.into_iter().map(Into::into).collect() }
    }

    /// Whether a service principal name `class/host[:port][/name]` names this server.
    #[must_use]
    pub fn accepts(&self, target_name: &UnicodeString) -> bool {
        let (class, host) = split_target(target_name);
        let any = |names: &[String], name: &UnicodeString| {
            names.iter().any(|accepted| UnicodeString::from(accepted.as_str()).eq_ignore_case(name))
        };
        let class_fits =
            self.service_classes.is_empty() || class.is_some_and(|class| any(&self.service_classes, &class));
        class_fits && !host.is_empty() && any(&self.hosts, &host)
    }
}

/// Service class and host of a service principal name; a name without `/` is all host. A port and what follows a second `/` are cut off.
pub(crate) fn split_target(target_name: &UnicodeString) -> (Option<UnicodeString>, UnicodeString) {
    let units = target_name.units();
    let is = |c: char| move |&unit: &u16| u32::from(unit) == u32::from(c);
    let (class, rest) = match units.iter().position(is('/')) {
        Some(at) => (units.get(..at), units.get(at + 1..).unwrap_or(&[])),
        None => (None, units),
    };
    let rest = rest.split(is('/')).next().unwrap_or(rest);
    let is_port = |text: &[u16]| {
        let digit = |&unit: &u16| (u16::from(b'0')..=u16::from(b'9')).contains(&unit);
        text.split_first().is_some_and(|(colon, port)| is(':')(colon) && port.iter().all(digit))
    };
    let host = match rest.iter().position(is(']')).map(|end| rest.split_at(end)) {
        // [v6 address] or [v6 address]:port
        Some(([open, address @ ..], [_, port @ ..])) if is('[')(open) && (port.is_empty() || is_port(port)) => address,
        _ => match rest.iter().position(is(':')).map(|colon| rest.split_at(colon)) {
            // A bare v6 address has several colons and no port.
            Some((host, port)) if is_port(port) => host,
            _ => rest,
        },
    };
    (class.map(UnicodeString::from_units), UnicodeString::from_units(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_names_match_by_class_and_host_alone() {
        let targets = AcceptedTargets {
            service_classes: alloc::vec!["HTTP".into()],
            hosts: alloc::vec!["web.example.test".into(), "10.0.0.1".into(), "fe80::1".into()],
        };
        for (name, accepted) in [
            ("HTTP/web.example.test", true),
            ("http/WEB.example.TEST:8080", true),
            ("HTTP/web.example.test/EXAMPLE", true),
            ("HTTP/10.0.0.1:80", true),
            ("HTTP/[fe80::1]:80", true),
            ("HTTP/fe80::1", true),
            ("HTTP/web.example.test:.evil", false),
            ("HTTP/[web.example.test]x", false),
            ("cifs/web.example.test", false),
            ("HTTP/web.example.test.evil", false),
            ("HTTP/", false),
            ("web.example.test", false),
            ("", false),
        ] {
            assert_eq!(targets.accepts(&name.into()), accepted, "{name}");
        }
        assert!(AcceptedTargets::hosts(["web"]).accepts(&"WEB".into()));
    }
}
