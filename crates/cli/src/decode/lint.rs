//! Looks for what is wrong or weak about a message. The rules are here, their words in [`lints`].

use std::time::Duration;

use ntlm::wire::{AvFlags, AvId, AvPairs, ChallengeMessage, NegotiateMessage, NtlmV2Response, ResponseClass};
use ntlm::{FileTime, NegotiateFlags as F, UnicodeString};

use super::exchange::Exchange;
use super::lints::{self, Lint};
use super::message::{Authenticate, Message};
use crate::output;

/// One finding: which lint, and what of this message set it off.
pub(super) struct Finding {
    pub(super) lint: &'static Lint,
    pub(super) detail: String,
}

impl Finding {
    pub(super) fn new(lint: &'static Lint, detail: impl Into<String>) -> Self {
        Self { lint, detail: detail.into() }
    }
}

/// The time to compare with.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    pub(super) now: FileTime,
    /// Whether somebody said that this is when the messages were made. The system's clock says nothing about logs.
    pub(super) stated: bool,
}

/// How far off a clock may be.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// MaxLifetime of MS-NLMP 3.1.1.1, as in Windows XP to Server 2008 R2.
const MAX_LIFETIME: Duration = Duration::from_secs(36 * 60 * 60);

/// Constants that are no secret: those of capture tools and of the examples in MS-NLMP 4.2.
const KNOWN_CHALLENGES: [([u8; 8], &str); 3] = [
    ([0; 8], "zero"),
    ([0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88], "the default of tools that collect responses"),
    ([0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef], "that of the examples in MS-NLMP"),
];

/// Everything worth saying about `message`, the worst first.
pub(super) fn findings(message: &Message<'_>, bytes: &[u8], exchange: &Exchange, clock: Clock) -> Vec<Finding> {
    let mut found = Findings { list: Vec::new(), clock };
    if let Some(flags) = message.flags() {
        found.flags(message, flags);
    }
    found.layout(message, bytes);
    match message {
        Message::Negotiate(negotiate) => found.negotiate(negotiate),
        Message::Challenge(challenge) => found.challenge(challenge, bytes, exchange),
        Message::Authenticate(authenticate) => found.authenticate(authenticate, exchange),
    }
    found.list.sort_by_key(|finding| finding.lint.severity);
    found.list
}

struct Findings {
    list: Vec<Finding>,
    clock: Clock,
}

impl Findings {
    fn add(&mut self, lint: &'static Lint, detail: impl Into<String>) {
        self.list.push(Finding::new(lint, detail));
    }

    fn add_if(&mut self, condition: bool, lint: &'static Lint, detail: impl Into<String>) {
        if condition {
            self.add(lint, detail);
        }
    }

    /// What the flags of any message say by themselves.
    fn flags(&mut self, message: &Message<'_>, flags: F) {
        const RESERVED: F = F(F::R1.0 | F::R2.0 | F::R3.0 | F::R4.0 | F::R5.0 | F::R6.0 | F::R8.0 | F::R9.0 | F::R10.0);
        let settled = !matches!(message, Message::Negotiate(_));
        let protected = flags.intersects(F::SIGN | F::SEAL);
        let ess = flags.contains(F::EXTENDED_SESSIONSECURITY);
        self.add_if(!flags.intersects(F::UNICODE | F::OEM), &lints::NO_CHARSET, "");
        self.add_if(settled && flags.contains(F::UNICODE | F::OEM), &lints::BOTH_CHARSETS, "");
        self.add_if(flags.contains(F::OEM) && !flags.contains(F::UNICODE), &lints::OEM_NAMES, "");
        self.add_if(!ess, &lints::NO_EXTENDED_SESSION_SECURITY, "");
        self.add_if(flags.contains(F::LM_KEY) && !ess, &lints::LM_KEY, "");
        self.add_if(flags.contains(F::REQUEST_NON_NT_SESSION_KEY), &lints::NON_NT_SESSION_KEY, "");
        if protected && !flags.contains(F::N128) {
            let bits = if flags.contains(F::N56) { "56 bits" } else { "40 bits" };
            self.add(&lints::WEAK_SESSION_KEYS, bits);
        }
        let exchanged = flags.contains(F::KEY_EXCH) && !protected && !flags.contains(F::DATAGRAM);
        self.add_if(exchanged, &lints::KEY_EXCHANGE_WITHOUT_PROTECTION, "");
        self.add_if(flags.contains(F::LOCAL_CALL), &lints::LOCAL_CALL, "");
        let reserved = flags & RESERVED;
        self.add_if(!reserved.is_empty(), &lints::RESERVED_FLAGS, reserved.to_string());
        self.add_if(flags.contains(F::DATAGRAM), &lints::CONNECTIONLESS, "");
        let version = match message {
            Message::Negotiate(message) => message.version,
            Message::Challenge(message) => message.version,
            Message::Authenticate(authenticate) => authenticate.message.version,
        };
        self.add_if(flags.contains(F::VERSION) && version.is_none(), &lints::VERSION_FLAG_WITHOUT_FIELD, "");
    }

    /// What the places of the fields say.
    fn layout(&mut self, message: &Message<'_>, bytes: &[u8]) {
        for gap in message.unreferenced(bytes) {
            self.add(&lints::UNREFERENCED_BYTES, format!("offset {}, {} bytes", gap.start, gap.len()));
        }
        let mut ranges = message.payload_ranges(bytes);
        ranges.sort_by_key(|(_, range)| range.start);
        for (first, second) in ranges.iter().zip(ranges.iter().skip(1)) {
            let ((first, range), (second, next)) = (first, second);
            self.add_if(
                next.start < range.end,
                &lints::OVERLAPPING_FIELDS,
                format!("{first} ends at {}, {second} begins at {}", range.end, next.start),
            );
        }
    }

    fn negotiate(&mut self, message: &NegotiateMessage<'_>) {
        let names = [message.domain_name, message.workstation];
        let names: Vec<String> = names
            .into_iter()
            .flatten()
            .filter(|name| !name.is_empty())
            .map(|name| format!("{:?}", UnicodeString::decode(name, ntlm::wire::Charset::Oem)))
            .collect();
        self.add_if(!names.is_empty(), &lints::NAMES_IN_NEGOTIATE, names.join(", "));
    }

    fn challenge(&mut self, message: &ChallengeMessage<'_>, bytes: &[u8], exchange: &Exchange) {
        if let Some(asked) = exchange.negotiate().map(|negotiate| negotiate.flags) {
            let capabilities = F::SIGN | F::SEAL | F::EXTENDED_SESSIONSECURITY | F::KEY_EXCH | F::LM_KEY | F::DATAGRAM;
            let added = (message.flags & capabilities).without(asked);
            self.add_if(!added.is_empty(), &lints::FLAGS_NOT_ASKED, added.to_string());
            let protected = asked.intersects(F::SIGN | F::SEAL);
            let wanted = F::SIGN | F::SEAL | F::EXTENDED_SESSIONSECURITY;
            let wanted = asked & wanted.with_if(protected, F::N128);
            self.dropped(wanted, message.flags);
        }
        for (known, what) in KNOWN_CHALLENGES {
            self.add_if(message.server_challenge == known, &lints::KNOWN_SERVER_CHALLENGE, what);
        }
        self.add_if(exchange.is_repeated(message.server_challenge, bytes), &lints::REPEATED_SERVER_CHALLENGE, "");
        let reserved = message.reserved.unwrap_or_default();
        self.add_if(reserved != [0; 8], &lints::RESERVED_NOT_ZERO, output::hex(&reserved));
        let Some(pairs) = message.target_info else {
            self.add(&lints::MISSING_TARGET_INFO, "");
            return;
        };
        self.pairs(&pairs);
        let planted = [AvId::FLAGS, AvId::SINGLE_HOST, AvId::TARGET_NAME, AvId::CHANNEL_BINDINGS];
        let planted: Vec<String> =
            planted.iter().filter(|&&id| pairs.get(id).is_some()).map(ToString::to_string).collect();
        self.add_if(!planted.is_empty(), &lints::CLIENT_PAIRS_IN_CHALLENGE, planted.join(", "));
        if let Some(time) = pairs.timestamp() {
            self.time("MsvAvTimestamp", time);
        }
    }

    fn authenticate(&mut self, authenticate: &Authenticate<'_>, exchange: &Exchange) {
        let message = &authenticate.message;
        match (message.flags, exchange.challenge()) {
            (None, _) => self.add(&lints::NO_FLAGS, ""),
            (Some(sent), Some(challenge)) => {
                let offered = challenge.flags;
                let mut changed =
                    (sent.0 ^ offered.0) & (F::EXTENDED_SESSIONSECURITY | F::LM_KEY | F::DATAGRAM | F::UNICODE).0;
                changed |= sent.without(offered).0 & F::KEY_EXCH.0;
                self.add_if(changed != 0, &lints::FLAGS_CHANGED, F(changed).to_string());
                let protected = offered.intersects(F::SIGN | F::SEAL);
                self.dropped(offered & (F::SIGN | F::SEAL).with_if(protected, F::KEY_EXCH), sent);
            }
            (Some(_), None) => {}
        }
        self.responses(authenticate, exchange);
        self.key(authenticate);
        let user = authenticate.user();
        let nobody = user.is_empty();
        self.add_if(!nobody && authenticate.flags().contains(F::ANONYMOUS), &lints::ANONYMOUS_FLAG_WITH_USER, "");
        self.add_if(user.eq_ignore_case(&"guest".into()), &lints::GUEST_USER, "");
    }

    fn dropped(&mut self, wanted: F, got: F) {
        let dropped = wanted.without(got);
        self.add_if(!dropped.is_empty(), &lints::PROTECTION_DROPPED, dropped.to_string());
    }

    fn responses(&mut self, authenticate: &Authenticate<'_>, exchange: &Exchange) {
        let message = &authenticate.message;
        let lm = message.lm_response;
        match authenticate.class {
            None => {
                let detail = format!(
                    "UserName {} bytes, LmChallengeResponse {}, NtChallengeResponse {}",
                    message.user_name.len(),
                    lm.len(),
                    message.nt_response.len()
                );
                self.add(&lints::UNKNOWN_RESPONSE, detail);
            }
            Some(ResponseClass::Anonymous) => self.add(&lints::ANONYMOUS_LOGON, ""),
            Some(ResponseClass::LmOnly) => self.add(&lints::LM_RESPONSE, "LM (or LMv2) alone"),
            Some(ResponseClass::NtlmV1) => {
                self.add(&lints::NTLMV1_RESPONSE, "without extended session security");
                let differs = lm.len() == 24 && lm != message.nt_response && lm.iter().any(|&byte| byte != 0);
                self.add_if(differs, &lints::LM_RESPONSE, "");
            }
            Some(ResponseClass::NtlmV1Ess) => self.add(&lints::NTLMV1_RESPONSE, "with extended session security"),
            Some(ResponseClass::NtlmV2) => {
                self.add_if(lm.iter().any(|&byte| byte != 0), &lints::LMV2_NOT_ZERO, "");
            }
        }
        if let Some(v2) = &authenticate.v2 {
            self.ntlmv2(authenticate, v2, exchange);
        }
    }

    fn ntlmv2(&mut self, authenticate: &Authenticate<'_>, v2: &NtlmV2Response<'_>, exchange: &Exchange) {
        let pairs = &v2.av_pairs;
        let flags = pairs.flags().unwrap_or_default();
        match (flags.contains(AvFlags::MIC_PROVIDED), authenticate.message.mic) {
            (true, None) => self.add(&lints::MIC_WITHOUT_FIELD, ""),
            (true, Some(mic)) => self.add_if(mic == [0; 16], &lints::MIC_ZERO, ""),
            (false, Some(mic)) if mic != [0; 16] => self.add(&lints::MIC_NOT_CLAIMED, output::hex(&mic)),
            (false, _) => self.add(&lints::NO_MIC, ""),
        }
        match pairs.channel_bindings() {
            None => self.add(&lints::CHANNEL_BINDINGS_MISSING, ""),
            Some(bindings) => self.add_if(bindings == [0; 16], &lints::CHANNEL_BINDINGS_ZERO, ""),
        }
        self.add_if(pairs.get(AvId::TARGET_NAME).is_none_or(<[u8]>::is_empty), &lints::NO_TARGET_NAME, "");
        self.add_if(flags.contains(AvFlags::UNTRUSTED_TARGET_NAME), &lints::UNTRUSTED_TARGET_NAME, "");
        if pairs.iter().next().is_none() {
            self.add(&lints::MISSING_TARGET_INFO, "");
        } else {
            self.pairs(pairs);
        }
        let theirs = exchange.challenge().and_then(|challenge| challenge.target_info);
        if let Some(theirs) = &theirs {
            self.echo(theirs, pairs);
        }
        let sent = theirs.and_then(|pairs| pairs.timestamp());
        let server_time = sent.or(pairs.timestamp());
        if v2.time_stamp.0 == 0 {
            self.add(&lints::TIME_STAMP_ZERO, "");
        } else if let Some(server) = server_time.filter(|&server| server != v2.time_stamp) {
            let apart = duration(server.abs_diff(v2.time_stamp));
            self.add(&lints::TIME_STAMP_DIFFERS, format!("{apart} from {}", output::time(server)));
        }
        // A challenge that has a time was asked about it already.
        if v2.time_stamp.0 != 0 && sent.is_none() {
            self.time("TimeStamp", v2.time_stamp);
        }
    }

    /// What AV pairs of either side say.
    fn pairs(&mut self, pairs: &AvPairs<'_>) {
        self.add_if(pairs.timestamp().is_none(), &lints::MISSING_TIMESTAMP, "");
        let names = [AvId::NB_COMPUTER_NAME, AvId::NB_DOMAIN_NAME].into_iter();
        let missing: Vec<String> =
            names.filter(|&id| pairs.get(id).is_none_or(<[u8]>::is_empty)).map(|id| id.to_string()).collect();
        self.add_if(!missing.is_empty(), &lints::MISSING_NETBIOS_NAMES, missing.join(", "));
        for pair in pairs.iter().filter(|pair| pair.id.name().is_none()) {
            self.add(&lints::UNKNOWN_AV_PAIR, format!("{} at offset {}", pair.id, pair.offset));
        }
    }

    /// MS-NLMP 3.1.5.1.2: the client copies the server's pairs.
    fn echo(&mut self, theirs: &AvPairs<'_>, ours: &AvPairs<'_>) {
        let changed = AvId::ECHOED.into_iter().filter(|&id| theirs.get(id) != ours.get(id));
        let changed: Vec<String> = changed
            .map(|id| match (theirs.get(id), ours.get(id)) {
                (Some(_), None) => format!("{id} left out"),
                (None, Some(_)) => format!("{id} added"),
                _ => format!("{id} changed"),
            })
            .collect();
        self.add_if(!changed.is_empty(), &lints::TARGET_INFO_CHANGED, changed.join(", "));
    }

    fn key(&mut self, authenticate: &Authenticate<'_>) {
        let key = authenticate.message.encrypted_random_session_key;
        if authenticate.flags().contains(F::KEY_EXCH) {
            self.add_if(key.len() != 16, &lints::KEY_EXCHANGE_WITHOUT_KEY, format!("{} bytes", key.len()));
        } else {
            self.add_if(!key.is_empty(), &lints::KEY_WITHOUT_KEY_EXCHANGE, format!("{} bytes", key.len()));
        }
    }

    fn time(&mut self, field: &str, time: FileTime) {
        let Clock { now, stated } = self.clock;
        let off = now.abs_diff(time);
        if off <= TOLERANCE {
            return;
        }
        let direction = if time > now { "ahead of" } else { "behind" };
        let beyond = if off > MAX_LIFETIME { ", more than 36 hours" } else { "" };
        let detail = format!("{field} is {} {direction} {}{beyond}", duration(off), output::time(now));
        // No log is from the future; that one is from the past needs no reason.
        let lint = if stated || time > now { &lints::CLOCK_SKEW } else { &lints::TOKEN_OLD };
        self.add(lint, detail);
    }
}

/// A duration for people, with its two largest units.
fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{}.{:07} s", seconds, duration.subsec_nanos() / 100),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}
