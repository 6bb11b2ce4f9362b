//! The second gate: of what a name resolves to only public addresses are connected to, and no others.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::is_public;

/// How names become addresses.
pub trait Lookup: Send + Sync {
    /// All addresses of a name.
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The system's way.
pub(super) struct System;

impl Lookup for System {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Hands out public addresses and those an operator has opened.
pub(super) struct PublicOnly {
    pub(super) lookup: Arc<dyn Lookup>,
    pub(super) allow: Vec<IpAddr>,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.lookup.lookup(name.as_str().to_owned());
        let allow = self.allow.clone();
        Box::pin(async move {
            let mut addresses = found.await.map_err(Unknown)?;
            addresses.retain(|address| is_public(*address) || allow.contains(address));
            if addresses.is_empty() {
                return Err(NotPublic.into());
            }
            // The port of an answer is not used: the connection takes the link's.
            let addresses: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

/// A name without a public address.
#[derive(Debug)]
pub(super) struct NotPublic;

impl std::fmt::Display for NotPublic {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the name has no public address")
    }
}

impl std::error::Error for NotPublic {}

/// A name that could not be looked up.
#[derive(Debug)]
pub(super) struct Unknown(io::Error);

impl std::fmt::Display for Unknown {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "the name could not be looked up: {}", self.0)
    }
}

impl std::error::Error for Unknown {}
