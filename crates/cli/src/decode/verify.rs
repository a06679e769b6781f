//! Checks an AUTHENTICATE_MESSAGE against a password or an NT hash: the responses, then the MIC under the session key that follows from them.

use ntlm::secret::{ExportedSessionKey, KeyExchangeKey, LmHash, LmSessionKey, ResponseKeyNt, SessionBaseKey};
use ntlm::wire::{AvFlags, ResponseClass};
use ntlm::{NegotiateFlags, NtHash, Password, UnicodeString};

use super::exchange::Exchange;
use super::message::Authenticate;

/// What an account's responses are checked against.
pub(super) struct Secret {
    nt_hash: NtHash,
    lm_hash: Option<LmHash>,
}

impl Secret {
    pub(super) fn from_password(password: &Password) -> Self {
        Self { nt_hash: password.nt_hash(), lm_hash: password.lm_hash() }
    }

    pub(super) fn from_nt_hash(nt_hash: NtHash) -> Self {
        Self { nt_hash, lm_hash: None }
    }
}

/// What a check gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Correct,
    Wrong,
    /// Something is missing that the check needs, or there is nothing to check.
    Unchecked,
}

/// One check.
#[derive(Debug)]
pub(super) struct Check {
    /// What was checked: `response`, `LM response`, `MIC`.
    pub(super) what: &'static str,
    pub(super) verdict: Verdict,
    /// A sentence without a full stop; begins with `correct`, `wrong` or `cannot be checked`.
    pub(super) text: String,
}

/// All checks of one message.
#[derive(Debug)]
pub(super) struct Verification {
    /// The response: NTLMv2, NTLMv1, or LM where there is no other.
    pub(super) response: Check,
    /// The LM response beside another one; servers do not look at it.
    pub(super) lm_response: Option<Check>,
    pub(super) mic: Option<Check>,
    /// Whether EncryptedRandomSessionKey is the KeyExchangeKey in clear.
    pub(super) session_key_in_clear: bool,
}

impl Verification {
    pub(super) fn checks(&self) -> impl Iterator<Item = &Check> {
        [Some(&self.response), self.lm_response.as_ref(), self.mic.as_ref()].into_iter().flatten()
    }

    /// What it comes down to. An LM response that is not used, and a MIC that could not be checked, do not count.
    pub(super) fn verdict(&self) -> Verdict {
        let mic_wrong = self.mic.as_ref().is_some_and(|mic| mic.verdict == Verdict::Wrong);
        if mic_wrong { Verdict::Wrong } else { self.response.verdict }
    }
}

fn correct(what: &'static str, detail: &str) -> Check {
    let text = if detail.is_empty() { "correct".to_owned() } else { format!("correct ({detail})") };
    Check { what, verdict: Verdict::Correct, text }
}

fn wrong(what: &'static str, why: &str) -> Check {
    Check { what, verdict: Verdict::Wrong, text: format!("wrong: {why}") }
}

fn unchecked(what: &'static str, why: &str) -> Check {
    Check { what, verdict: Verdict::Unchecked, text: format!("cannot be checked: {why}") }
}

/// Checks `message`, which was read from `bytes` and answers the challenge in `exchange`.
pub(super) fn verify(
    authenticate: &Authenticate<'_>,
    bytes: &[u8],
    exchange: &Exchange,
    secret: &Secret,
) -> Verification {
    let proven = match exchange.server_challenge() {
        Some(server_challenge) => Checker { authenticate, secret, server_challenge }.check(),
        None => {
            let why = "the CHALLENGE_MESSAGE is not in the input; give it, or its eight bytes, with --challenge";
            Proven::no(unchecked("response", why))
        }
    };
    let mic = check_mic(authenticate, bytes, exchange, proven.key.as_ref());
    let sent = authenticate.message.encrypted_random_session_key;
    let session_key_in_clear = proven.key.as_ref().is_some_and(|key| sent == key.expose());
    Verification { response: proven.response, lm_response: proven.lm_response, mic, session_key_in_clear }
}

/// What the responses gave.
struct Proven {
    response: Check,
    lm_response: Option<Check>,
    /// The key that follows from a correct response.
    key: Option<KeyExchangeKey>,
}

impl Proven {
    fn no(response: Check) -> Self {
        Self { response, lm_response: None, key: None }
    }
}

struct Checker<'a> {
    authenticate: &'a Authenticate<'a>,
    secret: &'a Secret,
    server_challenge: [u8; 8],
}

impl Checker<'_> {
    fn check(&self) -> Proven {
        match self.authenticate.class {
            Some(ResponseClass::NtlmV2) => self.ntlmv2(),
            Some(class @ (ResponseClass::NtlmV1 | ResponseClass::NtlmV1Ess)) => self.ntlmv1(class),
            Some(ResponseClass::LmOnly) => self.lm_only(),
            Some(ResponseClass::Anonymous) => {
                Proven::no(wrong("response", "there is none; an anonymous logon proves no password"))
            }
            None => Proven::no(wrong("response", "it is of no kind that MS-NLMP knows")),
        }
    }

    fn ntlmv2(&self) -> Proven {
        let Some(v2) = &self.authenticate.v2 else {
            return Proven::no(wrong("response", "it is shorter than any NTLMv2_RESPONSE"));
        };
        let proves =
            |key: &ResponseKeyNt| key.nt_proof_str(self.server_challenge, v2.client_challenge) == v2.nt_proof_str;
        let (user, domain) = (self.authenticate.user(), self.authenticate.domain());
        let upper = domain.to_upper();
        // What clients get wrong about the domain in NTOWFv2; servers differ in which of it they let pass.
        let variants = [
            (&domain, ""),
            (&UnicodeString::default(), "but only with an empty domain instead of the one that was sent"),
            (&upper, "but only with the domain in upper case, not as it was sent"),
        ];
        for (domain, remark) in variants {
            let key = self.secret.nt_hash.response_key_nt(&user, domain);
            if !proves(&key) {
                continue;
            }
            let detail = match remark {
                "" => format!("NTLMv2, user {user:?}, domain {domain:?}"),
                remark => format!("NTLMv2, user {user:?}, {remark}"),
            };
            return Proven {
                response: correct("response", &detail),
                lm_response: self.lmv2(&key),
                key: Some(key.session_base_key(&v2.nt_proof_str).key_exchange_key_v2()),
            };
        }
        let why = format!(
            "it is not the NTLMv2 response to this challenge for user {user:?} in domain {domain:?} with this password"
        );
        Proven::no(wrong("response", &why))
    }

    /// The LM response beside an NTLMv2 response.
    fn lmv2(&self, key: &ResponseKeyNt) -> Option<Check> {
        let response = self.authenticate.message.lm_response;
        if response.iter().all(|&byte| byte == 0) {
            return None;
        }
        let what = "LM response";
        Some(match self.is_lmv2(key) {
            true => correct(what, "LMv2"),
            false => {
                wrong(what, "neither zero nor the LMv2 response of this password; servers ignore it beside NTLMv2")
            }
        })
    }

    fn is_lmv2(&self, key: &ResponseKeyNt) -> bool {
        let response = self.authenticate.message.lm_response;
        let client = response.get(16..).and_then(|challenge| challenge.first_chunk::<8>());
        client.is_some_and(|&client| key.lmv2_response(self.server_challenge, client) == response)
    }

    fn ntlmv1(&self, class: ResponseClass) -> Proven {
        let message = &self.authenticate.message;
        let ess = class == ResponseClass::NtlmV1Ess;
        let kind = if ess { "NTLMv1 with extended session security" } else { "NTLMv1" };
        let challenge = if ess { self.ess_challenge() } else { self.server_challenge };
        if self.secret.nt_hash.ntlmv1_response(challenge) != message.nt_response {
            let why = format!("it is not the {kind} response to this challenge with this password");
            return Proven::no(wrong("response", &why));
        }
        let lm = self.secret.lm_hash.as_ref().map(LmHash::session_key);
        let key = self.key_v1(&self.secret.nt_hash.session_base_key(), lm.as_ref());
        let lm_response = if ess { None } else { self.lm_beside_ntlmv1() };
        Proven { response: correct("response", kind), lm_response, key: Some(key) }
    }

    /// MS-NLMP 3.3.1: what is encrypted with extended session security.
    fn ess_challenge(&self) -> [u8; 8] {
        let client = self.authenticate.message.lm_response.first_chunk().copied().unwrap_or_default();
        ntlm::logon::extended_session_challenge(self.server_challenge, client)
    }

    fn key_v1(&self, base: &SessionBaseKey, lm: Option<&LmSessionKey>) -> KeyExchangeKey {
        let flags = self.authenticate.flags();
        base.key_exchange_key_v1(flags, self.server_challenge, self.authenticate.message.lm_response, lm)
    }

    fn lm_beside_ntlmv1(&self) -> Option<Check> {
        let message = &self.authenticate.message;
        let response = message.lm_response;
        if response == message.nt_response || response.iter().all(|&byte| byte == 0) {
            return None;
        }
        Some(self.lm("LM response"))
    }

    fn lm(&self, what: &'static str) -> Check {
        let Some(lm_hash) = &self.secret.lm_hash else {
            return unchecked(
                what,
                "an LM response needs the password, of at most 14 ASCII characters; this one has no LM hash",
            );
        };
        match lm_hash.lm_response(self.server_challenge) == self.authenticate.message.lm_response {
            true => correct(what, "LM"),
            false => wrong(what, "it is not the LM response to this challenge with this password"),
        }
    }

    fn lm_only(&self) -> Proven {
        let (user, domain) = (self.authenticate.user(), self.authenticate.domain());
        if self.is_lmv2(&self.secret.nt_hash.response_key_nt(&user, &domain)) {
            return Proven::no(correct("response", "LMv2 alone"));
        }
        let response = self.lm("response");
        let right = response.verdict == Verdict::Correct;
        let lm = self.secret.lm_hash.as_ref().map(LmHash::session_key).filter(|_| right);
        let key = lm.map(|lm| self.key_v1(&lm.session_base_key(), Some(&lm)));
        Proven { response, lm_response: None, key }
    }
}

/// The MIC; `None` when there is none and none is claimed.
fn check_mic(
    authenticate: &Authenticate<'_>,
    bytes: &[u8],
    exchange: &Exchange,
    key: Option<&KeyExchangeKey>,
) -> Option<Check> {
    let what = "MIC";
    let pairs = authenticate.v2.as_ref().map(|v2| v2.av_pairs);
    let claimed = pairs.and_then(|pairs| pairs.flags()).is_some_and(|flags| flags.contains(AvFlags::MIC_PROVIDED));
    let found = authenticate.message.mic.zip(authenticate.message.mic_offset);
    let (mic, at) = match found {
        Some((mic, _)) if mic == [0; 16] && !claimed => return None,
        Some(found) => found,
        None if claimed => return Some(wrong(what, "it is claimed, and the message has no MIC field")),
        None => return None,
    };
    let Some(key) = key else {
        return Some(unchecked(what, "the session key is not known, because the response is not proven"));
    };
    let Some(challenge) = exchange.challenge_bytes() else {
        let why = "it covers the whole CHALLENGE_MESSAGE, of which only the eight bytes are known; give the message with --challenge";
        return Some(unchecked(what, why));
    };
    // Connectionless exchanges have no NEGOTIATE_MESSAGE.
    let datagram = authenticate.flags().contains(NegotiateFlags::DATAGRAM);
    let negotiate = if datagram { Some(&[][..]) } else { exchange.negotiate_bytes() };
    let Some(negotiate) = negotiate else {
        return Some(unchecked(what, "the NEGOTIATE_MESSAGE is not in the input; give it with --negotiate"));
    };
    let keys = exported_session_keys(authenticate, key);
    if keys.is_empty() {
        return Some(wrong(what, "its key was to be exchanged, and EncryptedRandomSessionKey is not 16 bytes long"));
    }
    let right = keys.iter().find(|(key, _)| key.mic(negotiate, challenge, bytes, at) == mic);
    Some(match (right, claimed) {
        (Some((_, remark)), true) => correct(what, remark),
        (Some(_), false) => correct(what, "but MsvAvFlags does not claim it, so that servers need not look at it"),
        (None, _) => {
            wrong(what, "a message was altered, or the NEGOTIATE_MESSAGE and CHALLENGE_MESSAGE are of another exchange")
        }
    })
}

/// ExportedSessionKey (MS-NLMP 3.1.5.1.2), and what to remark on it. With a key exchange and nothing to protect, implementations differ.
fn exported_session_keys(
    authenticate: &Authenticate<'_>,
    key: &KeyExchangeKey,
) -> Vec<(ExportedSessionKey, &'static str)> {
    type F = NegotiateFlags;
    let flags = authenticate.flags();
    if !flags.contains(F::KEY_EXCH) {
        return vec![(key.exported_session_key(), "")];
    }
    let Ok(encrypted) = authenticate.message.encrypted_random_session_key.try_into() else { return Vec::new() };
    let decrypted = key.decrypt(encrypted);
    if flags.intersects(F::SIGN | F::SEAL | F::DATAGRAM) {
        return vec![(decrypted, "")];
    }
    vec![
        (key.exported_session_key(), "under the KeyExchangeKey, as MS-NLMP says without SIGN and SEAL"),
        (decrypted, "under the exchanged key, although neither SIGN nor SEAL is set; MS-NLMP says the KeyExchangeKey"),
    ]
}
