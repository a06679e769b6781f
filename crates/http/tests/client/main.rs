//! The client against servers and proxies that do as they are told, on loopback: the core's server behind sockets that tests can close, and hostile ones.

mod bodies;
mod connections;
mod example;
mod hostile;
mod logons;
mod properties;
mod proxies;
mod redirects;
mod support;
mod tls;
