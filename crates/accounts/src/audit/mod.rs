//! Audit records: what became of a logon, one record for each, and where it is written.
//!
//! Towards a client all denials look alike; the truth about them stands here and only here. A record is built beside the exchange, in the order in
//! which things become known:
//!
//! ```
//! # use ntlm::{Error, Established, FileTime, server};
//! # use ntlm_accounts::{AsyncAuthority, Origin};
//! # use ntlm_accounts::audit::{AuditDraft, AuditSink};
//! # async fn logon(mut waiting: server::ExpectAuthenticate, token: &[u8], origin: &Origin, now: FileTime, authority: &dyn AsyncAuthority, sink: &dyn AuditSink) -> Result<Established, Error> {
//! let draft = AuditDraft::new(origin, "HTTPS", now).exchange(waiting.exchange_mut()).authenticate(token);
//! let question = waiting.receive(token, now).inspect_err(|error| sink.record(&draft.clone().failed(error)))?;
//! let draft = draft.question(question.logon());
//! let verdict = authority.logon(question.logon(), origin).await;
//! let draft = draft.verdict(&verdict);
//! let outcome = question.finish(verdict);
//! sink.record(&match &outcome {
//!     Ok(established) => draft.established(&established.info),
//!     Err(error) => draft.failed(error),
//! });
//! outcome
//! # }
//! ```
//!
//! # The fields
//!
//! A record is written as a line of `key=value` ([`AuditRecord::to_text`]) or as a JSON object on one line ([`AuditRecord::to_json`]), with these fields in this order. Names and meanings stay; fields may
//! be added behind the last one. What is not known is `-` in text and `null` in JSON.
//!
//! | field | value |
//! |---|---|
//! | `time` | when it was decided: RFC 3339, UTC, to 100 ns |
//! | `event` | number of the Windows event: 4624 logon, 4625 failed logon, 4740 account locked out, 4776 credentials validated, 1101 records lost |
//! | `decision` | `accepted`, `denied`, `refused`, `malformed`, `unavailable`, `locked_out`, `records_lost`: [`Decision`] |
//! | `nt_status` | the same as NTSTATUS, `0xc000006a`: what event 4625 has as SubStatus |
//! | `nt_status_name` | its name, `WRONG_PASSWORD` |
//! | `user`, `domain`, `workstation` | as the client sent them; nothing proves the workstation |
//! | `kind` | whom the client was let in as: `user`, `guest`, `anonymous` |
//! | `account` | the account as the authority calls it |
//! | `address`, `port` | where the client is |
//! | `carrier` | what carried the logon: `HTTP`, `HTTPS`... |
//! | `target_name` | the service principal name that the client meant, as sent |
//! | `response` | `ntlmv2`, `ntlmv1_ess`, `ntlmv1`, `lm`, `anonymous` |
//! | `client_version` | the version that the client says it is, `10.0.17763` |
//! | `mic` | `verified`, `absent`, `wrong`, `claimed`: [`MicCheck`] |
//! | `channel_bindings` | `verified`, `absent`, `wrong`, `claimed`, `not_asked`: [`BindingsCheck`] |
//! | `observations` | what a stricter policy would have refused: `mic_missing`, `bindings_missing`, `target_name_missing`, `oem`, `oem_not_ascii`, `capabilities_dropped`, `weak_response`, `target_info_missing`, `nil_domain`; in text separated by commas |
//! | `reason` | a sentence for administrators, which also says what the client lacked; for people, and free to change |
//!
//! Texts are in quotes; those of a client are cut after 256 UTF-16 units, the cut shown as `…`. In text, control characters, marks that reorder or hide, and unpaired surrogates are `\u{hex}`, quotes and
//! backslashes have a backslash before them. In JSON they are `\uXXXX`, unpaired surrogates U+FFFD. So nothing that a client sends can end a line, or look like another field.
//! Passwords, hashes, responses and keys never come here.
//!
//! # NTSTATUS and decision
//!
//! | what happened | decision | `nt_status` |
//! |---|---|---|
//! | let in | `accepted` | 0 |
//! | the authority said no | `denied` | the authority's |
//! | nobody could be asked, clocks, an internal failure | `unavailable` | the authority's, or INTERNAL_ERROR |
//! | NTLM is blocked | `refused` | NTLM_BLOCKED |
//! | channel bindings are missing or wrong | `refused` | BAD_BINDINGS |
//! | the client's clock is off | `refused` | TIME_DIFFERENCE_AT_DC |
//! | the authority let in a guest, or had no session key, and policy does not accept that | `refused` | LOGON_FAILURE |
//! | another check failed: MIC, target, echo, age of the challenge, kind of response | `refused` | LOGON_FAILURE |
//! | the client lacks what policy requires, an OEM client for one | `refused` | NOT_SUPPORTED |
//! | the client changed what was settled | `refused` | INVALID_PARAMETER |
//! | an AUTHENTICATE_MESSAGE for no challenge, or too late for it | `refused` | LOGON_FAILURE |
//! | the client's address is blocked, before it was challenged: once for each connection | `refused` | NETWORK_ACCESS_DENIED |
//! | no NTLM message | `malformed` | INVALID_PARAMETER |
//! | an account got locked out: a record of its own beside that of the logon, from [`Throttled`](crate::Throttled) | `locked_out` | ACCOUNT_LOCKED_OUT |

mod audited;
mod draft;
mod line;
mod reason;
mod record;
mod writer;

use std::sync::Arc;

pub use audited::Audited;
pub use draft::AuditDraft;
pub use record::{AuditRecord, BindingsCheck, Decision, MicCheck, WindowsEvent};
pub use writer::AuditWriter;

/// Where audit records go.
pub trait AuditSink: Send + Sync {
    /// Takes a record. Called once for each logon, between its decision and the answer to the client: must neither panic nor wait for anything that
    /// can be slow.
    fn record(&self, record: &AuditRecord);
}

impl<S: AuditSink + ?Sized> AuditSink for Arc<S> {
    fn record(&self, record: &AuditRecord) {
        (**self).record(record);
    }
}

impl<S: AuditSink + ?Sized> AuditSink for Box<S> {
    fn record(&self, record: &AuditRecord) {
        (**self).record(record);
    }
}

/// Both get every record.
impl<A: AuditSink, B: AuditSink> AuditSink for (A, B) {
    fn record(&self, record: &AuditRecord) {
        self.0.record(record);
        self.1.record(record);
    }
}

/// Records nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAudit;

impl AuditSink for NoAudit {
    fn record(&self, _: &AuditRecord) {}
}
