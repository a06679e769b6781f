//! The server: a state machine for each connection, and a layer of tower around it.
//!
//! ```text
//! request --> NtlmService --> Connection::receive --> Pass(user)   the service gets the request, with NtlmUser in its extensions
//!               (layer)         (no I/O)          \-> Ask(question) the authority is asked; yes: as above, no: 401
//!                 |                               \-> Answer        401 with offers or leg 2, 400, 403, 429, 503, 505
//!           NtlmConnection: the state of the connection          Acceptor: what all connections share
//! ```
//!
//! What holds, whatever clients do:
//!
//! * The identity belongs to the connection. Requests of an authenticated connection are the user's without another header; a new NEGOTIATE_MESSAGE begins anew, and
//!   ends the old identity before anything else.
//! * A request that is not yet anybody's is never executed, and neither is its body: leg 3's is the one. What is sent along before is read and thrown away up to a limit, above
//!   which the connection ends.
//! * While a logon is being decided, other requests of the connection wait.
//! * Unknown users, wrong passwords and disabled accounts get the same 401. A store that cannot say is 503. The truth is in the audit record, one for each logon.
//! * Half-open logons are limited over all connections, by number and by bytes; failed ones for each connection.
//! * What there is no state for ([`NtlmConnection`]) is answered with 500, and the log says what is missing.
//!
//! HTTP/2 and HTTP/3 are refused (505), and so is HTTP/1.0 without `Connection: keep-alive`. Clients choose HTTP/2 when a server of TLS offers it: offer `http/1.1` alone in ALPN.
//!
//! Connections must come from clients one by one. Behind a load balancer or a proxy that shares connections, or sends the requests of one client over several, NTLM does not work,
//! or works for the wrong user; pass TCP through, or ask there.

mod acceptor;
mod answer;
#[cfg(feature = "axum")]
mod axum;
mod connection;
mod half_open;
mod layer;
mod ntlm_connection;
mod patient;
mod settings;
mod user;

pub use acceptor::Acceptor;
pub use answer::Answer;
#[cfg(feature = "axum")]
pub use axum::NotAuthenticated;
pub use connection::{Connection, Question, Step};
pub use layer::{NtlmLayer, NtlmService, ResponseBody, ResponseFuture};
pub use ntlm_connection::NtlmConnection;
pub use patient::Patient;
pub use settings::{Endpoint, ExtendedProtection, Limits, Moment, Settings};
pub use user::NtlmUser;
