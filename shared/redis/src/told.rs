//! What servers say of themselves and of the cluster they are in.

use std::sync::Arc;

use redis::{RedisError, ServerErrorKind, Value};

use crate::link::Failure;

/// A server, from when its process began to its end.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) id: Arc<str>,
    pub(crate) is_cluster: bool,
    /// The name of its data, and of those it had taken over when it became a primary; empty if it does not say.
    data: Arc<str>,
    earlier_data: Arc<str>,
}

impl Server {
    pub(crate) fn of(told: &str) -> Self {
        let field = |name: &str| told.lines().find_map(|line| line.strip_prefix(name)).map(str::trim_end);
        let is_cluster = ["redis_mode:", "server_mode:"].iter().any(|name| field(name) == Some("cluster"));
        Self {
            id: field("run_id:").unwrap_or("unknown").into(),
            is_cluster,
            data: field("master_replid:").unwrap_or("").into(),
            earlier_data: field("master_replid2:").unwrap_or("").into(),
        }
    }

    /// Whether it was a copy of that server, and took its place: what came last may not have reached it.
    pub(crate) fn stood_by(&self, other: &Self) -> bool {
        // A server that came back as a copy of the one that took its place has that one's data.
        self.earlier_data.is_empty()
            || other.data.is_empty()
            || self.earlier_data == other.data
            || self.data == other.data
    }
}

/// Who is to be asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    pub(crate) slot: usize,
    /// Empty: the host that said so.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// For this call only, and with `ASKING` before it.
    pub(crate) is_once: bool,
}

/// Slots from the first to the last, and where the primary is that has them.
pub(crate) struct Range {
    pub(crate) first: usize,
    pub(crate) last: usize,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Whether that is the server which told it.
    pub(crate) is_teller: bool,
}

/// What an error says of a cluster, if it says that nothing was done.
pub(crate) fn undone(error: &RedisError) -> Option<Failure> {
    let errors = error.clone().into_server_errors()?;
    let (_, first) = errors.first()?;
    match first.kind()? {
        ServerErrorKind::TryAgain => Some(Failure::Unsettled),
        ServerErrorKind::ClusterDown => Some(Failure::Down),
        kind @ (ServerErrorKind::Moved | ServerErrorKind::Ask) => {
            let elsewhere = elsewhere(first.details()?, kind == ServerErrorKind::Ask);
            Some(elsewhere.map_or(Failure::Down, Failure::Elsewhere))
        }
        _ => None,
    }
}

/// A slot, and a host and a port after it. `None` where the server does not know the host.
fn elsewhere(details: &str, is_once: bool) -> Option<Elsewhere> {
    let (slot, place) = details.trim().split_once(' ')?;
    let (host, port) = place.rsplit_once(':')?;
    let slot = slot.parse().ok()?;
    (host != "?").then_some(Elsewhere { slot, host: host.to_owned(), port: port.parse().ok()?, is_once })
}

/// One row of `CLUSTER SLOTS`, as `teller` at `host` told it: the first slot, the last, then its primary's host, port and id. `None` where
/// the teller does not know the host.
pub(crate) fn range_in(row: &Value, teller: &str, host: &str) -> Option<Range> {
    let Value::Array(row) = row else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = &row[..] else { return None };
    let [place, Value::Int(port), id, ..] = &primary[..] else { return None };
    let text = |value: &Value| match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    };
    let told = text(place).filter(|told| !told.is_empty());
    if told.as_deref() == Some("?") {
        return None;
    }
    Some(Range {
        first: usize::try_from(*first).ok()?,
        last: usize::try_from(*last).ok()?,
        host: told.unwrap_or_else(|| host.to_owned()),
        port: u16::try_from(*port).ok()?,
        is_teller: text(id).as_deref() == Some(teller),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_says_where_else_to_ask() {
        let check = |details: &str, expected: Option<(usize, &str, u16)>| {
            let told = elsewhere(details, false);
            let told = told.as_ref().map(|told| (told.slot, told.host.as_str(), told.port));
            assert_eq!(told, expected, "{details}");
        };
        check("3999 10.0.0.7:6381", Some((3_999, "10.0.0.7", 6_381)));
        check("0 shard-1.example:6379", Some((0, "shard-1.example", 6_379)));
        check("1 ::1:6379", Some((1, "::1", 6_379)));
        check("1 :6379", Some((1, "", 6_379)));
        check("1 ?:6379", None);
        check("1 host", None);
        check("one host:1", None);
    }

    #[test]
    fn a_server_says_what_it_is() {
        let server = |replid: &str, earlier: &str| {
            Server::of(&format!("run_id:a\r\nmaster_replid:{replid}\r\nmaster_replid2:{earlier}\r\n"))
        };
        assert!(Server::of("run_id:one\r\nredis_mode:cluster\r\n").is_cluster);
        assert!(Server::of("server_mode:cluster").is_cluster);
        assert!(!Server::of("run_id:one\r\nredis_mode:standalone\r\n").is_cluster);
        assert!(server("b", "a").stood_by(&server("a", "0")));
        assert!(!server("b", "0").stood_by(&server("a", "0")));
        assert!(server("b", "a").stood_by(&server("b", "0")), "it is a copy itself by now");
        assert!(server("b", "").stood_by(&server("a", "0")), "who does not say may have been a copy");
    }
}
