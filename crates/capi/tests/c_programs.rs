//! The C tests: each is a program in `tests/c` that fails when one of its checks does.

mod common;

use common::run_c_test;

#[test]
fn client_and_server_talk_in_one_process() {
    run_c_test("tests/c/handshake.c");
}

#[test]
fn bad_callers_get_the_documented_status_and_nothing_else() {
    run_c_test("tests/c/abuse.c");
}

#[test]
fn hostile_tokens_bindings_and_identities_are_read_within_their_bounds() {
    run_c_test("tests/c/hostile.c");
}

#[test]
fn identities_are_made_taken_apart_and_used() {
    run_c_test("tests/c/identity.c");
}

#[test]
fn what_sspi_lacks_is_there() {
    run_c_test("tests/c/extension.c");
}

#[test]
fn eight_threads_share_contexts_and_have_their_own() {
    run_c_test("tests/c/threads.c");
}

#[test]
fn callbacks_are_replaced_while_threads_log_on() {
    run_c_test("tests/c/callback_threads.c");
}

#[test]
fn handshakes_leave_nothing_behind() {
    run_c_test("tests/c/leaks.c");
}

#[test]
fn both_processes_go_on_after_a_fork() {
    run_c_test("tests/c/fork.c");
}
