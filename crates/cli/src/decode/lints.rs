//! What `ntlm decode` warns about: one row per finding, each with what it is, what an attacker gains or what breaks, and what to do.

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// Servers refuse it, or it gives something away.
    Error,
    /// Works, and is weaker than it could be.
    Warning,
    /// Good to know.
    Info,
}

impl Severity {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// One kind of finding.
#[derive(Debug)]
pub(super) struct Lint {
    /// Its name: stable, for scripts.
    pub(super) id: &'static str,
    pub(super) severity: Severity,
    pub(super) text: &'static str,
}

macro_rules! lints {
    ($($name:ident = $severity:ident, $id:literal, $text:literal;)*) => {
        $(pub(super) static $name: Lint = Lint { id: $id, severity: Severity::$severity, text: $text };)*

        /// Every lint, in the order of this file.
        pub(super) static ALL: &[&Lint] = &[$(&$name),*];
    };
}

lints! {
    // Flags, in any message.

    NO_CHARSET = Error, "no-charset",
        "Neither NTLMSSP_NEGOTIATE_UNICODE nor NTLM_NEGOTIATE_OEM is set, so nobody can tell how names are written. Peers refuse the \
         message. Set NTLMSSP_NEGOTIATE_UNICODE.";
    BOTH_CHARSETS = Warning, "both-charsets",
        "NTLMSSP_NEGOTIATE_UNICODE and NTLM_NEGOTIATE_OEM are both set in a message that must settle on one. Peers that look at the \
         wrong bit first misread every name. Clear NTLM_NEGOTIATE_OEM.";
    OEM_NAMES = Info, "oem-names",
        "Names are in an OEM code page that the message does not say. Names beyond ASCII are read differently by each side and the \
         logon fails. Set NTLMSSP_NEGOTIATE_UNICODE.";
    NO_EXTENDED_SESSION_SECURITY = Warning, "no-extended-session-security",
        "NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY is clear. Signatures are then an encrypted CRC-32 that can be forged, and NTLMv1 \
         responses can be looked up in tables made beforehand. Use peers that set it, and require it.";
    LM_KEY = Warning, "lm-key",
        "NTLMSSP_NEGOTIATE_LM_KEY is set without extended session security: session keys come from the LM hash and have 56 or 40 bits \
         of strength, which can be searched. Set NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY and clear this bit.";
    NON_NT_SESSION_KEY = Warning, "non-nt-session-key",
        "NTLMSSP_REQUEST_NON_NT_SESSION_KEY asks for a session key made of eight bytes of the LM hash. It can be searched, and current \
         servers refuse it. Clear the bit.";
    WEAK_SESSION_KEYS = Warning, "weak-session-keys",
        "NTLMSSP_NEGOTIATE_SIGN or _SEAL is set without NTLMSSP_NEGOTIATE_128: messages are protected with 56 or 40 bits, which anybody who \
         records them can search. Set NTLMSSP_NEGOTIATE_128 and require it on both sides.";
    KEY_EXCHANGE_WITHOUT_PROTECTION = Warning, "key-exchange-without-protection",
        "NTLMSSP_NEGOTIATE_KEY_EXCH is set, and neither NTLMSSP_NEGOTIATE_SIGN nor _SEAL is. Implementations disagree about the session \
         key then, so that the MIC may not verify, and some have sent the key in clear. Set SIGN or SEAL, or clear KEY_EXCH.";
    LOCAL_CALL = Warning, "local-call",
        "The historic local-call bit (0x00004000) is set: the server claims to be the client's own machine. Attackers use it to have the \
         client log on without a response (LocalPotato, NTLM reflection). Ignore the bit, and never set it.";
    RESERVED_FLAGS = Info, "reserved-flags",
        "Bits are set that MS-NLMP reserves. Most peers ignore them. Clear them.";
    CONNECTIONLESS = Info, "connectionless",
        "NTLMSSP_NEGOTIATE_DATAGRAM is set: connectionless authentication, in which the server speaks first and flags cannot be negotiated. \
         Windows gave it up after Server 2008. Do not use it.";
    FLAGS_NOT_ASKED = Warning, "flags-not-asked",
        "The CHALLENGE_MESSAGE has capabilities that the NEGOTIATE_MESSAGE did not ask for. Clients ignore or refuse them; a message on the \
         way may have been altered. Compare both ends' logs.";
    PROTECTION_DROPPED = Warning, "protection-dropped",
        "This message lacks protection that the one before it asked for or offered. Either the peer cannot do it, or somebody in between \
         stripped the bits so that the session goes unprotected (CVE-2016-2110). Require what you need on both sides.";
    FLAGS_CHANGED = Error, "flags-changed",
        "The AUTHENTICATE_MESSAGE changes flags that the CHALLENGE_MESSAGE had settled. Servers refuse it; a message was altered on the way, or the \
         client is wrong. Compare both ends' logs.";
    VERSION_FLAG_WITHOUT_FIELD = Info, "version-flag-without-field",
        "NTLMSSP_NEGOTIATE_VERSION is set and the message has no Version field (curl does this). Peers that read the field by the flag read \
         payload instead, and look for the MIC in the wrong place. Clear the flag or send the field.";

    // The rest of the messages.

    NAMES_IN_NEGOTIATE = Warning, "names-in-negotiate",
        "The NEGOTIATE_MESSAGE carries names. They tell whoever listens what the client's machine and domain are called, before anything \
         is agreed, and make Windows servers think of a local call. Send none.";
    MISSING_TARGET_INFO = Warning, "missing-target-info",
        "There is no TargetInfo, or it is empty. Clients then have no place for a MIC, channel bindings or the SPN, so that the logon can \
         be relayed and altered at will. Use a server that sends it, and clients that refuse its absence.";
    MISSING_TIMESTAMP = Warning, "missing-timestamp",
        "There is no MsvAvTimestamp. Clients then send no MIC and fall back to LMv2, and logons depend on the client's clock; somebody in \
         between may have stripped it for that. Servers since Vista send it.";
    MISSING_NETBIOS_NAMES = Warning, "missing-netbios-names",
        "MsvAvNbComputerName or MsvAvNbDomainName is missing or empty. Domain controllers cannot then check which server a response was \
         made for (CVE-2019-1019), and clients that sign refuse the challenge. Send both.";
    CLIENT_PAIRS_IN_CHALLENGE = Warning, "client-pairs-in-challenge",
        "The CHALLENGE_MESSAGE carries AV pairs that a client has to say. Some servers send an empty MsvAvFlags; but somebody in between can plant \
         it too, and a client that copies it then sends no MIC (CVE-2019-1166). Clients must drop such pairs.";
    RESERVED_NOT_ZERO = Info, "reserved-not-zero",
        "The Reserved field of the CHALLENGE_MESSAGE is not zero: historically the handle of a local call. Clients ignore it. Send zeros.";
    KNOWN_SERVER_CHALLENGE = Error, "known-server-challenge",
        "The ServerChallenge is a constant that everybody knows: of the specification's examples, or of tools that collect NTLMv1 responses for \
         tables made beforehand. Find out what answers there; a server must make a random challenge each time.";
    REPEATED_SERVER_CHALLENGE = Error, "repeated-server-challenge",
        "The same ServerChallenge came in another CHALLENGE_MESSAGE before. Responses to it can be replayed. A server must make a random challenge \
         each time.";
    UNKNOWN_AV_PAIR = Info, "unknown-av-pair",
        "There is an AV pair with an id that MS-NLMP does not know. Peers carry it along without meaning.";
    UNREFERENCED_BYTES = Info, "unreferenced-bytes",
        "There are bytes in the message that no field points to. They mean nothing, yet the MIC covers them: peers that write the message \
         anew instead of keeping its bytes get another MIC.";
    OVERLAPPING_FIELDS = Warning, "overlapping-fields",
        "Two fields of the message share bytes. No known implementation writes that; some readers trust that it cannot be. Look at where the \
         message comes from.";
    NO_FLAGS = Warning, "no-flags",
        "The AUTHENTICATE_MESSAGE has the oldest form, without NegotiateFlags. Nothing that was negotiated is confirmed, and current servers \
         refuse it. Use a current client.";
    UNKNOWN_RESPONSE = Error, "unknown-response",
        "The responses are none of the kinds that MS-NLMP knows: a user without a response, a response without a user, or one of a wrong \
         length. Servers that let such a logon through let everybody in (CVE-2022-24882). It must be refused.";
    NTLMV1_RESPONSE = Error, "ntlmv1-response",
        "The response is NTLMv1: three DES keys. Whoever records it finds the NT hash, and with it the account, within hours on rented \
         hardware; it also has no place for a MIC, channel bindings or the SPN. Set LmCompatibilityLevel to 3 or more on \
         the client and to 5 on the server.";
    LM_RESPONSE = Error, "lm-response",
        "There is an LM response: a password of at most 14 characters without case, in two halves that are searched one by one in seconds. \
         Set LmCompatibilityLevel to 3 or more on the client and store no LM hashes.";
    LMV2_NOT_ZERO = Warning, "lmv2-not-zero",
        "There is an LMv2 response beside NTLMv2. It has no place for a MIC or channel bindings; servers that fall back to it let an \
         attacker throw those away (CVE-2019-1338). Clients send zeros where the challenge has a timestamp; servers ignore it.";
    NO_MIC = Warning, "no-mic",
        "The client claims no MIC. Whoever sits in between can alter the flags of all three messages, signing among them, and relay the \
         logon (CVE-2019-1040). Use a client that sends a MIC, and a server that requires it.";
    MIC_ZERO = Error, "mic-zero",
        "MsvAvFlags says that there is a MIC, and the MIC field is zero. Servers refuse it: the field was overwritten on the way, or the client \
         forgot to fill it.";
    MIC_WITHOUT_FIELD = Error, "mic-without-field",
        "MsvAvFlags says that there is a MIC, and the message has no MIC field. This is what CVE-2019-1040 (Drop the MIC) looks like: \
         somebody cut the field out. Servers must refuse it.";
    MIC_NOT_CLAIMED = Warning, "mic-not-claimed",
        "The MIC field is filled, and MsvAvFlags does not say so. Servers then need not look at it, so that it protects nothing. The client \
         must set the bit in MsvAvFlags.";
    CHANNEL_BINDINGS_ZERO = Warning, "channel-bindings-zero",
        "MsvAvChannelBindings is zero: the client's application gave no channel bindings. As it should be without TLS; inside TLS the logon \
         can be relayed from another channel unless the server requires bindings. Give the client the server's certificate.";
    CHANNEL_BINDINGS_MISSING = Warning, "channel-bindings-missing",
        "There is no MsvAvChannelBindings, so that the logon is tied to no channel and can be relayed from another one unless the server \
         requires bindings. Use a client that sends them.";
    NO_TARGET_NAME = Warning, "no-target-name",
        "MsvAvTargetName is missing or empty: the client does not say which service it means, so that the logon can be relayed to another \
         one. Give the client an SPN, such as HTTP/host or cifs/host.";
    UNTRUSTED_TARGET_NAME = Info, "untrusted-target-name",
        "MsvAvFlags says that MsvAvTargetName is from an untrusted source. Servers treat it as missing.";
    TARGET_INFO_CHANGED = Error, "target-info-changed",
        "The AV pairs of the response are not those of the challenge. The response was made for another server's challenge, or the challenge was \
         altered on its way to the client, as in relay attacks. Servers should refuse it.";
    TIME_STAMP_DIFFERS = Warning, "time-stamp-differs",
        "TimeStamp is not the MsvAvTimestamp that the server sent. MS-NLMP says that it must be; servers that check it refuse the logon. The \
         client is wrong, or answered another challenge.";
    TIME_STAMP_ZERO = Warning, "time-stamp-zero",
        "TimeStamp is zero. Servers that check the time refuse the logon. The client must send the server's time, or its own.";
    CLOCK_SKEW = Warning, "clock-skew",
        "The time in the message is more than 5 minutes off. A server refuses NTLMv2 responses that are more than its MaxLifetime off (36 \
         hours, in old versions 30 minutes). Set the clocks.";
    TOKEN_OLD = Info, "token-old",
        "The message was made more than 5 minutes ago. Nothing is wrong when the log is that old; else a clock is. Say with --now when it was \
         recorded to have that checked.";
    ANONYMOUS_LOGON = Warning, "anonymous-logon",
        "An anonymous logon: it proves nothing, and its session keys are known to everybody, so that signatures are worthless. Servers \
         should not allow it.";
    ANONYMOUS_FLAG_WITH_USER = Warning, "anonymous-flag-with-user",
        "NTLMSSP_NEGOTIATE_ANONYMOUS is set in the logon of a user. Servers that trust the bit treat the user as nobody, or nobody as the \
         user. Clear it; servers must decide by the names and responses.";
    GUEST_USER = Info, "guest-user",
        "The user is Guest. Guest sessions have keys of zeros, so that signing and sealing protect nothing. Use an account of its own.";
    KEY_WITHOUT_KEY_EXCHANGE = Info, "key-without-key-exchange",
        "EncryptedRandomSessionKey is filled, and NTLMSSP_NEGOTIATE_KEY_EXCH is clear. MS-NLMP ignores it; FreeRDP refuses the message. The \
         client should leave it empty.";
    KEY_EXCHANGE_WITHOUT_KEY = Error, "key-exchange-without-key",
        "NTLMSSP_NEGOTIATE_KEY_EXCH is set, and EncryptedRandomSessionKey is not 16 bytes long. Servers refuse it: else the session key would be \
         one that an attacker knows.";
    SESSION_KEY_IN_CLEAR = Error, "session-key-in-clear",
        "EncryptedRandomSessionKey is the KeyExchangeKey itself: whoever listens has the session key and can sign, seal and forge the MIC. Replace \
         the client.";
}
