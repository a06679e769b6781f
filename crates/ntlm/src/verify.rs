//! Checks a response against what a store knows of the account (MS-NLMP 3.2.5.1.2, 3.3): constant time, and the same work whether the
//! account exists or not.

use alloc::boxed::Box;
use core::sync::atomic::Ordering;

use crate::context::IdentityKind;
use crate::logon::{LogonFailure, LogonSuccess, NetworkLogon};
use crate::secret::{ExportedSessionKey, LmHash, NtHash, SessionBaseKey, equal};
use crate::wire::{ResponseClass, UnicodeString};

impl NetworkLogon {
    /// Checks the response against the NT hash of the account, or against nothing when there is no such account (`None`): that
    /// takes as long and always fails.
    ///
    /// Which account it is, is for the caller to find by [`user`](Self::user) and [`domain`](Self::domain); the hash is always made with the
    /// names as the client sent them. What else speaks against the account (disabled, expired) is for the caller to check *after* this
    /// succeeded, so that only somebody who knows the password gets to know it.
    ///
    /// # Errors
    ///
    /// [`LogonFailure::WRONG_PASSWORD`], or [`LogonFailure::NO_SUCH_USER`] without an account, or [`LogonFailure::LOGON_FAILURE`] for
    /// responses that an NT hash cannot check: anonymous ones, and LM alone.
    ///
    /// # Examples
    ///
    /// An authority that knows one account:
    ///
    /// ```
    /// use ntlm::logon::{Authority, LogonFailure, LogonSuccess, NetworkLogon};
    /// use ntlm::secret::NtHash;
    ///
    /// struct Alice(NtHash);
    ///
    /// impl Authority for Alice {
    ///     fn logon(&self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
    ///         let known = logon.user().eq_ignore_case(&"alice".into());
    ///         logon.verify(known.then_some(&self.0))
    ///     }
    /// }
    /// ```
    pub fn verify(&self, account: Option<&NtHash>) -> Result<LogonSuccess, LogonFailure> {
        self.check(account, None)
    }

    /// As [`verify`](Self::verify), for an account whose LM hash is known too. Needed for LM responses alone, and for the LAN Manager
    /// keys of NTLMv1 sessions; both are accepted below LmCompatibilityLevel 5 only, and worth nothing against an attacker.
    ///
    /// # Errors
    ///
    /// As for [`verify`](Self::verify).
    pub fn dangerous_verify_lm(
        &self,
        account: Option<&NtHash>,
        lm_hash: Option<&LmHash>,
    ) -> Result<LogonSuccess, LogonFailure> {
        self.check(account, lm_hash)
    }

    fn check(&self, account: Option<&NtHash>, lm_hash: Option<&LmHash>) -> Result<LogonSuccess, LogonFailure> {
        // Any hash will do where there is none: the work is the same, the result is thrown away.
        let (nobody, no_lm) = (NtHash::of_nobody(), LmHash::of_nobody());
        let hash = account.unwrap_or(&nobody);
        let lm_hash = lm_hash.filter(|hash| hash.is_usable());

        let mut exported = None;
        let (right, key, nil_domain) = match self.class {
            ResponseClass::NtlmV2 => self.check_ntlmv2(hash, &mut exported),
            ResponseClass::NtlmV1 | ResponseClass::NtlmV1Ess => {
                let expected = hash.ntlmv1_response(self.lm_challenge());
                (equal(&expected, self.nt_response()), hash.session_base_key(), false)
            }
            ResponseClass::LmOnly => {
                let known = lm_hash.unwrap_or(&no_lm);
                let expected = known.lm_response(self.server_challenge);
                let right = equal(&expected, self.raw_lm_response()) && lm_hash.is_some();
                (right, known.session_key().session_base_key(), false)
            }
            ResponseClass::Anonymous => return Err(LogonFailure::LOGON_FAILURE),
        };
        match account {
            None => Err(LogonFailure::NO_SUCH_USER),
            Some(_) if !right => Err(LogonFailure::WRONG_PASSWORD),
            Some(_) => {
                let lm_key = lm_hash.map(LmHash::session_key);
                Ok(LogonSuccess {
                    nil_domain,
                    checked: true,
                    exported,
                    ..LogonSuccess::new(self, IdentityKind::User, key, lm_key)
                })
            }
        }
    }

    fn check_ntlmv2(
        &self,
        hash: &NtHash,
        exported: &mut Option<Box<ExportedSessionKey>>,
    ) -> (bool, SessionBaseKey, bool) {
        // The HMAC goes over the bytes as received: clients differ in what they put behind the AV pairs.
        let (proof, client_challenge) = match self.nt_response().split_first_chunk::<16>() {
            Some((proof, rest)) => (*proof, rest),
            None => ([0; 16], self.nt_response()),
        };
        let check = |domain: &UnicodeString| {
            let key = hash.response_key_nt(&self.user, domain);
            let Some(encrypted) = self.exchanged_key() else {
                let (expected, base_key) = key.proof_and_base_key(self.server_challenge, client_challenge, &proof);
                return (equal(&expected, &proof), base_key, None);
            };
            // The key that the proof leads to if it is right, while it is found out whether it is.
            self.decrypted.store(true, Ordering::Relaxed);
            let base_key = key.session_base_key(&proof);
            let message: [&[u8]; 2] = [&self.server_challenge, client_challenge];
            let mut expected = key.proof_blocks(&message);
            let exported = base_key.key_exchange_key_v2().decrypt_beside(encrypted, &mut expected);
            (equal(&expected.finish(), &proof), base_key, Some(Box::new(exported)))
        };
        let (right, key, session_key) = check(&self.domain);
        if !self.nil_domain_retry {
            *exported = session_key;
            return (right, key, false);
        }
        let (right_without, key_without, session_key_without) = check(&UnicodeString::default());
        if right {
            *exported = session_key;
            (true, key, false)
        } else {
            *exported = session_key_without;
            (right_without, key_without, right_without)
        }
    }
}
