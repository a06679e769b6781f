//! What is decided, in the words of Windows and in a sentence for administrators.

use ntlm::context::{IdentityKind, Observations};
use ntlm::error::{Incompatible, Rejected};
use ntlm::logon::{LogonFailureKind, NtStatus};
use ntlm::{Error, LogonFailure};

use super::record::Decision;

/// A logon that failed.
pub(super) struct Outcome {
    pub(super) decision: Decision,
    pub(super) nt_status: NtStatus,
    pub(super) reason: String,
}

macro_rules! mic_hint {
    () => {
        "curl and most Go clients never send one"
    };
}

/// An observation: its name in records, whether it was made, and what it means.
struct Observation {
    name: &'static str,
    seen: fn(&Observations) -> bool,
    sentence: &'static str,
}

const OBSERVATIONS: [Observation; 9] = [
    Observation {
        name: "mic_missing",
        seen: |seen| seen.mic_missing,
        sentence: concat!("the client sent no MIC, which policy `strict` demands; ", mic_hint!()),
    },
    Observation {
        name: "bindings_missing",
        seen: |seen| seen.bindings_missing,
        sentence: "the client sent no channel bindings, which Extended Protection demands where it is required",
    },
    Observation {
        name: "target_name_missing",
        seen: |seen| seen.target_name_missing,
        sentence: "the client named no target, which a server that requires one refuses",
    },
    Observation {
        name: "oem",
        seen: |seen| seen.oem,
        sentence: "the client sent its names in an OEM character set, which policy `strict` refuses",
    },
    Observation {
        name: "oem_not_ascii",
        seen: |seen| seen.oem_not_ascii,
        sentence: "its names are not ASCII and were read as Latin-1, so that they may be other names",
    },
    Observation {
        name: "capabilities_dropped",
        seen: |seen| !seen.capabilities_dropped.is_empty(),
        sentence: "the client dropped protection that was offered, which policy `strict` refuses",
    },
    Observation {
        name: "weak_response",
        seen: |seen| seen.weak_response,
        sentence: "the response is not NTLMv2: who overheard it can compute the password hash from it",
    },
    Observation {
        name: "target_info_missing",
        seen: |seen| seen.target_info_missing,
        sentence: "the client did not carry back what the challenge said of the server, which policies `strict` and `windows` refuse",
    },
    Observation {
        name: "nil_domain",
        seen: |seen| seen.nil_domain,
        sentence: "the client made its response without the domain, which policies `strict` and `windows` refuse",
    },
];

fn made(observations: &Observations) -> impl Iterator<Item = &'static Observation> {
    OBSERVATIONS.iter().filter(|observation| (observation.seen)(observations))
}

/// The names of what was observed, as records have them.
pub(super) fn observation_names(observations: &Observations) -> impl Iterator<Item = &'static str> {
    made(observations).map(|observation| observation.name)
}

/// Appends what was observed as sentences.
fn append(reason: &mut String, observations: &Observations) {
    for observation in made(observations) {
        reason.push_str("; ");
        reason.push_str(observation.sentence);
    }
}

/// Why a client was let in.
pub(super) fn accepted(kind: IdentityKind, observations: &Observations) -> String {
    let mut reason = match kind {
        IdentityKind::User => "the response is right",
        IdentityKind::Guest => "let in as guest, who proves nothing",
        IdentityKind::Anonymous => "let in as anonymous, who proves nothing",
    }
    .to_owned();
    append(&mut reason, observations);
    reason
}

/// Why a logon failed. `verdict` is what the authority said before, when it was asked.
pub(super) fn failed(
    error: &Error,
    verdict: Option<Result<IdentityKind, LogonFailure>>,
    observations: &Observations,
) -> Outcome {
    let decision = decision(error, verdict);
    let mut reason = match (error, verdict) {
        (Error::Logon(_), Some(Ok(kind))) => overruled(kind).to_owned(),
        (Error::Logon(failure), _) => match failure.status.text() {
            Some(text) => text.to_owned(),
            None => format!("the authority refused with {}", failure.status),
        },
        (Error::Rejected(Rejected::MicMissing), _) => format!("{error}; {}", mic_hint!()),
        _ => error.to_string(),
    };
    if decision == Decision::Refused {
        if verdict == Some(Ok(IdentityKind::User)) && !matches!(error, Error::Logon(_)) {
            reason.push_str("; its password is right");
        }
        append(&mut reason, &besides(error, observations));
    }
    Outcome { decision, nt_status: nt_status(error), reason }
}

/// Why the core does not accept an authority's yes.
fn overruled(kind: IdentityKind) -> &'static str {
    match kind {
        IdentityKind::User => {
            "the authority's yes is not accepted: it has no session key, or is about an LM response that was not checked here"
        }
        IdentityKind::Guest => "the authority let the client in as guest, which policy does not accept",
        IdentityKind::Anonymous => "the authority let the client in as anonymous, which policy does not accept",
    }
}

/// What was observed beside the very thing that the logon failed for, which the error tells.
fn besides(error: &Error, observations: &Observations) -> Observations {
    let mut rest = *observations;
    match error {
        Error::Rejected(Rejected::MicMissing) => rest.mic_missing = false,
        Error::Rejected(Rejected::BindingsMissing) => rest.bindings_missing = false,
        Error::Rejected(Rejected::TargetNameMissing) => rest.target_name_missing = false,
        Error::Rejected(Rejected::ResponseClass(_)) => rest.weak_response = false,
        Error::Incompatible(Incompatible::OemRefused) => rest.oem = false,
        _ => {}
    }
    rest
}

fn decision(error: &Error, verdict: Option<Result<IdentityKind, LogonFailure>>) -> Decision {
    match error {
        Error::Malformed(_) => Decision::Malformed,
        Error::Incompatible(_) | Error::Rejected(_) => Decision::Refused,
        Error::Logon(_) if matches!(verdict, Some(Ok(_))) => Decision::Refused,
        Error::Logon(failure) => match failure.kind() {
            LogonFailureKind::Denied => Decision::Denied,
            LogonFailureKind::Blocked => Decision::Refused,
            LogonFailureKind::NoAuthority | LogonFailureKind::TimeSkew | LogonFailureKind::Internal => {
                Decision::Unavailable
            }
        },
        Error::OutOfSequence(_) | Error::Entropy(_) => Decision::Unavailable,
    }
}

/// The only place where the core's errors become NTSTATUS values.
fn nt_status(error: &Error) -> NtStatus {
    match error {
        Error::Malformed(_) => NtStatus::INVALID_PARAMETER,
        Error::Incompatible(error) => match error {
            Incompatible::NoCharset
            | Incompatible::FlagsChanged(_)
            | Incompatible::NoFlags
            | Incompatible::NamesTooLong => NtStatus::INVALID_PARAMETER,
            Incompatible::Blocked => NtStatus::NTLM_BLOCKED,
            Incompatible::NoPlaceForBindings => NtStatus::BAD_BINDINGS,
            Incompatible::NoServerNames => NtStatus::LOGON_FAILURE,
            Incompatible::OemRefused
            | Incompatible::MissingFlags(_)
            | Incompatible::CapabilityDropped(_)
            | Incompatible::NoTargetInfo
            | Incompatible::DatagramDisabled
            | Incompatible::NoSessionSecurity
            | Incompatible::NoConfidentiality
            | Incompatible::WrongSessionKind
            | Incompatible::NotInOem
            | Incompatible::NoLmKey
            | Incompatible::NoReplayDetection => NtStatus::NOT_SUPPORTED,
        },
        Error::Rejected(error) => match error {
            Rejected::BindingsMissing | Rejected::BindingsWrong => NtStatus::BAD_BINDINGS,
            Rejected::TimeStamp { .. } | Rejected::ServerClock { .. } => NtStatus::TIME_DIFFERENCE_AT_DC,
            Rejected::ResponseClass(_)
            | Rejected::MicMissing
            | Rejected::MicWrong
            | Rejected::TargetInfoChanged(_)
            | Rejected::ChallengeExpired { .. }
            | Rejected::TargetNameMissing
            | Rejected::TargetNameWrong
            | Rejected::OwnChallenge
            | Rejected::Signature => NtStatus::LOGON_FAILURE,
        },
        Error::Logon(failure) => failure.status,
        Error::OutOfSequence(_) | Error::Entropy(_) => NtStatus::INTERNAL_ERROR,
    }
}

/// The name of a status without `STATUS_`.
pub(super) fn status_name(status: NtStatus) -> Option<&'static str> {
    if status == super::AuditRecord::SUCCESS { Some("SUCCESS") } else { status.name() }
}

#[cfg(test)]
mod tests {
    use ntlm::NegotiateFlags;

    use super::*;

    #[test]
    fn everything_that_is_observed_has_a_name_and_a_sentence_of_its_own() {
        // Without `..`: an observation that is added to the core must be added here, and then above.
        let all = Observations {
            mic_missing: true,
            bindings_missing: true,
            target_name_missing: true,
            oem: true,
            oem_not_ascii: true,
            capabilities_dropped: NegotiateFlags::SEAL,
            weak_response: true,
            target_info_missing: true,
            nil_domain: true,
        };
        let names: Vec<_> = observation_names(&all).collect();
        assert_eq!(
            names,
            [
                "mic_missing",
                "bindings_missing",
                "target_name_missing",
                "oem",
                "oem_not_ascii",
                "capabilities_dropped",
                "weak_response",
                "target_info_missing",
                "nil_domain"
            ]
        );
        assert_eq!(observation_names(&Observations::default()).count(), 0);
        let reason = accepted(IdentityKind::User, &all);
        let sentences: std::collections::BTreeSet<_> = reason.split("; ").collect();
        // One for each, the response, and what is known of clients without MIC.
        assert_eq!(sentences.len(), names.len() + 2, "{reason}");
    }
}
