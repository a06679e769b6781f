//! `ntlm auth` as its callers see it: real processes, lines in, lines out. The dialogues are recordings of Samba's `ntlm_auth` 4.17.12,
//! Squid 5, Wine 8 and curl 7.88.

mod accounts;
mod helper;
mod protocol;
