//! The example does what it says.

use ntlm::Password;

use crate::support::{PASSWORD, ntlm_server, run};

#[allow(dead_code, reason = "its main is for people")]
#[path = "../../examples/client.rs"]
mod client;

#[test]
fn the_example_fetches_a_page() {
    run(async {
        let server = ntlm_server().await;
        let page = client::fetch(&server.url("/"), r"EXAMPLE\alice", &Password::new(PASSWORD)).await.unwrap();
        assert_eq!(page, "alice GET ");
        let refused = client::fetch(&server.url("/"), r"EXAMPLE\alice", &Password::new("wrong")).await.unwrap_err();
        assert!(refused.to_string().contains("the logon was refused"), "{refused}");
    });
}
