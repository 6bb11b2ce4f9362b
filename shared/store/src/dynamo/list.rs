//! Listings in pages.
//!
//! A page's token is the sort key of its last row. The next page starts after it and never leaves the range, whatever
//! the token says, so rows that come or go between pages neither hide nor repeat others.

use aws_sdk_dynamodb::types::AttributeValue;
use engine::error::Result;
use engine::ports::{Key, Page, Range, Versioned};

use super::Dynamo;
use super::errors::failed;
use super::items::{self, DUE_SHARDS, Item, text};
use super::keys;
use super::read::get_many;

const LARGEST_PAGE: usize = 1000;

/// A part of one partition, of the table or of an index.
struct Stretch {
    index: Option<&'static str>,
    pk_name: &'static str,
    sk_name: &'static str,
    pk: String,
    lowest: String,
    highest: String,
    newest_first: bool,
}

/// One page of a listing.
pub(super) async fn list(dynamo: &Dynamo, range: &Range, from: Option<&str>, limit: usize) -> Result<Page> {
    let limit = limit.clamp(1, LARGEST_PAGE);
    let stretch = match range {
        Range::Runs(tenant) => newest_first(keys::of_tenant(tenant)),
        Range::ApiKeys(tenant) => newest_first(keys::of_api_keys(tenant)),
        Range::Steps(run) => part(keys::of_run(run), "STEP#"),
        Range::Events(_, u64::MAX) => return Ok(Page::default()),
        Range::Events(run, after) => {
            Stretch { lowest: keys::event_sk(after + 1), ..part(keys::of_run(run), "EV#") }
        }
        Range::Outbox(run) => part(keys::of_run(run), "OUT#"),
        Range::Charges(run) => part(keys::of_ledger(run), &keys::charges_of(&run.run)),
        Range::Ledger(tenant, month) => {
            let (lowest, highest) = (" ".to_owned(), char::MAX.to_string());
            Stretch { lowest, highest, ..part(keys::of_month(tenant, month), "") }
        }
        Range::Memory(tenant, last) => {
            let all = Stretch { newest_first: true, ..part(keys::of_memory(tenant), "MEMORY#") };
            match last {
                Some(run) => Stretch { highest: keys::memory_sk(run), ..all },
                None => all,
            }
        }
        Range::Due(by_ms) => return due(dynamo, *by_ms, from, limit).await,
    };
    let items = query(dynamo, &stretch, from, limit).await?;
    let next = next(&items, limit, stretch.sk_name)?;
    let rows = items.iter().take(limit).map(|item| Ok((items::key(item)?, items::versioned(item)?)));
    Ok(Page { rows: rows.collect::<Result<Vec<(Key, Versioned)>>>()?, next })
}

/// The rows of a partition whose sort key begins with `prefix`, which ends with `#`.
fn part(pk: String, prefix: &str) -> Stretch {
    let after_hash = '$';
    Stretch {
        index: None,
        pk_name: "pk",
        sk_name: "sk",
        pk,
        lowest: prefix.to_owned(),
        highest: format!("{}{after_hash}", prefix.trim_end_matches('#')),
        newest_first: false,
    }
}

/// A listing of a tenant.
fn newest_first(pk: String) -> Stretch {
    Stretch {
        index: Some("gsi1"),
        pk_name: "gsi1pk",
        sk_name: "gsi1sk",
        pk,
        lowest: "0".to_owned(),
        highest: ":".to_owned(),
        newest_first: true,
    }
}

/// The most overdue rows of all shards. The index holds keys only; the rows are read as they are now, and those that
/// are no longer due are left out.
async fn due(dynamo: &Dynamo, by_ms: u64, from: Option<&str>, limit: usize) -> Result<Page> {
    let highest = items::due_until(by_ms);
    let mut places: Vec<Item> = Vec::new();
    for shard in 0..DUE_SHARDS {
        let stretch = Stretch {
            index: Some("due"),
            pk_name: "due_shard",
            sk_name: "due_at",
            pk: items::due_shard(shard),
            lowest: "0".to_owned(),
            highest: highest.clone(),
            newest_first: false,
        };
        places.extend(query(dynamo, &stretch, from, limit).await?);
    }
    places.sort_by(|one, other| due_at(one).cmp(due_at(other)));
    let next = next(&places, limit, "due_at")?;
    places.truncate(limit);
    let addresses = places.iter().map(items::address).collect::<Result<Vec<_>>>()?;
    let found = get_many(dynamo, &addresses).await?;
    let mut rows = Vec::new();
    for address in &addresses {
        let still_due = found.get(address).filter(|item| {
            let due_at = due_at(item);
            !due_at.is_empty() && due_at < highest.as_str()
        });
        if let Some(item) = still_due {
            rows.push((items::key(item)?, items::versioned(item)?));
        }
    }
    Ok(Page { rows, next })
}

fn due_at(item: &Item) -> &str {
    items::attribute(item, "due_at").unwrap_or_default()
}

/// Where the page after the first `limit` of these items starts.
fn next(items: &[Item], limit: usize, sk_name: &str) -> Result<Option<String>> {
    if items.len() <= limit {
        return Ok(None);
    }
    Ok(Some(items::attribute(&items[limit - 1], sk_name)?.to_owned()))
}

/// The items of a stretch after `from`: at least `limit + 1`, if there are so many.
async fn query(dynamo: &Dynamo, stretch: &Stretch, from: Option<&str>, limit: usize) -> Result<Vec<Item>> {
    let (mut lowest, mut highest) = (stretch.lowest.as_str(), stretch.highest.as_str());
    match from {
        Some(from) if stretch.newest_first => highest = highest.min(from),
        Some(from) => lowest = lowest.max(from),
        None => {}
    }
    let mut found = Vec::new();
    if lowest > highest {
        return Ok(found);
    }
    let mut start: Option<Item> = None;
    loop {
        let wanted = limit + 2 - found.len();
        let request = dynamo.client.query().table_name(&dynamo.table);
        let request = request
            .set_index_name(stretch.index.map(str::to_owned))
            .consistent_read(stretch.index.is_none())
            .key_condition_expression("#pk = :pk AND #sk BETWEEN :lowest AND :highest")
            .expression_attribute_names("#pk", stretch.pk_name)
            .expression_attribute_names("#sk", stretch.sk_name)
            .expression_attribute_values(":pk", text(&stretch.pk))
            .expression_attribute_values(":lowest", text(lowest))
            .expression_attribute_values(":highest", text(highest))
            .scan_index_forward(!stretch.newest_first)
            .limit(i32::try_from(wanted).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start);
        let answer = request.send().await.map_err(failed)?;
        let is_new = |item: &Item| {
            item.get(stretch.sk_name).and_then(|value: &AttributeValue| value.as_s().ok()).map(String::as_str)
                != from
        };
        found.extend(answer.items.unwrap_or_default().into_iter().filter(is_new));
        start = answer.last_evaluated_key;
        if start.is_none() || found.len() > limit {
            return Ok(found);
        }
    }
}
