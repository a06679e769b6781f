//! Checks on what a response carries, each with its policy: MIC, channel bindings, target name (MS-NLMP 3.2.5.1.2).

use crate::config::{ChannelBindingsPolicy, MicPolicy, ServerPolicy, TargetNamePolicy};
use crate::context::Observations;
use crate::error::Rejected;
use crate::secret::equal;
use crate::wire::{AvFlags, AvId, AvPairs, UnicodeString};

/// What the MIC of an AUTHENTICATE_MESSAGE says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MicCheck {
    /// The client does not claim to have sent one.
    NotClaimed,
    Right,
    Wrong,
}

pub(super) fn accept_mic(
    policy: &ServerPolicy,
    mic: MicCheck,
    ntlmv2: bool,
    observations: &mut Observations,
) -> Result<(), Rejected> {
    match (mic, policy.mic) {
        (MicCheck::Right, _) => Ok(()),
        (MicCheck::Wrong, _) => Err(Rejected::MicWrong),
        // Every challenge of ours carries a timestamp. NTLMv1 has no place for a MIC; its level is a policy of its own.
        (MicCheck::NotClaimed, MicPolicy::RequireIfTimestampSent) if ntlmv2 => Err(Rejected::MicMissing),
        (MicCheck::NotClaimed, MicPolicy::RequireIfTimestampSent | MicPolicy::IfClaimed) => {
            observations.mic_missing = true;
            Ok(())
        }
    }
}

pub(super) fn check_bindings(
    policy: ChannelBindingsPolicy,
    ours: Option<[u8; 16]>,
    theirs: Option<[u8; 16]>,
    observations: &mut Observations,
) -> Result<(), Rejected> {
    match (policy, ours, theirs) {
        (ChannelBindingsPolicy::Off, ..) => Ok(()),
        (_, Some(ours), Some(theirs)) => {
            if equal(&ours, &theirs) {
                Ok(())
            } else {
                Err(Rejected::BindingsWrong)
            }
        }
        (_, None, Some(_)) => Ok(()),
        (ChannelBindingsPolicy::Always, _, None) => Err(Rejected::BindingsMissing),
        (ChannelBindingsPolicy::WhenSupplied, ours, None) => {
            observations.bindings_missing = ours.is_some();
            Ok(())
        }
    }
}

pub(super) fn check_target_name(
    policy: &TargetNamePolicy,
    name: Option<&UnicodeString>,
    observations: &mut Observations,
) -> Result<(), Rejected> {
    match (policy, name) {
        (TargetNamePolicy::Ignore, _) => Ok(()),
        (TargetNamePolicy::VerifyWhenSupplied(targets) | TargetNamePolicy::Require(targets), Some(name)) => {
            if targets.accepts(name) { Ok(()) } else { Err(Rejected::TargetNameWrong) }
        }
        (TargetNamePolicy::VerifyWhenSupplied(_), None) => {
            observations.target_name_missing = true;
            Ok(())
        }
        (TargetNamePolicy::Require(_), None) => Err(Rejected::TargetNameMissing),
    }
}

/// ClientSuppliedTargetName: not empty, and not from a source that the client itself does not trust.
pub(super) fn target_name(pairs: &AvPairs<'_>) -> Option<UnicodeString> {
    let untrusted = pairs.flags().unwrap_or_default().contains(AvFlags::UNTRUSTED_TARGET_NAME);
    pairs.text(AvId::TARGET_NAME).filter(|name| !untrusted && !name.is_empty())
}
