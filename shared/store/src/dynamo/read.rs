//! Strongly consistent reads by key.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::KeysAndAttributes;
use engine::error::{Error, ErrorKind, Result};
use engine::ports::{Key, Versioned};

use super::Dynamo;
use super::errors::failed;
use super::items::{self, Item};
use super::keys::{self, Address};

const KEYS_PER_CALL: usize = 100;
const CALLS_WITHOUT_PROGRESS: u32 = 3;

/// The rows of `keys`, in their order.
pub(super) async fn read(dynamo: &Dynamo, keys: &[Key]) -> Result<Vec<Option<Versioned>>> {
    match keys {
        [] => Ok(Vec::new()),
        [key] => {
            let item = get(dynamo, &keys::address(key)?).await?;
            Ok(vec![item.as_ref().map(items::versioned).transpose()?])
        }
        _ => {
            let addresses = keys.iter().map(keys::address).collect::<Result<Vec<_>>>()?;
            let found = get_many(dynamo, &addresses).await?;
            addresses.iter().map(|address| found.get(address).map(items::versioned).transpose()).collect()
        }
    }
}

async fn get(dynamo: &Dynamo, address: &Address) -> Result<Option<Item>> {
    let request = dynamo.client.get_item().table_name(&dynamo.table).consistent_read(true);
    let answer = request.set_key(Some(items::key_item(address))).send().await.map_err(failed)?;
    Ok(answer.item)
}

/// The items there are at these addresses.
pub(super) async fn get_many(dynamo: &Dynamo, addresses: &[Address]) -> Result<HashMap<Address, Item>> {
    let mut found = HashMap::new();
    let distinct: Vec<&Address> = addresses.iter().collect::<BTreeSet<_>>().into_iter().collect();
    for part in distinct.chunks(KEYS_PER_CALL) {
        let mut wanted: Vec<Item> = part.iter().map(|address| items::key_item(address)).collect();
        let mut idle = 0;
        while !wanted.is_empty() {
            let asked = wanted.len();
            let (read, unprocessed) = get_batch(dynamo, wanted).await?;
            for item in read {
                found.insert(items::address(&item)?, item);
            }
            idle = if unprocessed.len() < asked { 0 } else { idle + 1 };
            if idle > CALLS_WITHOUT_PROGRESS {
                return Err(
                    Error::new(ErrorKind::Storage, "the table leaves reads unprocessed").retry_after(200)
                );
            }
            wanted = unprocessed;
        }
    }
    Ok(found)
}

async fn get_batch(dynamo: &Dynamo, keys: Vec<Item>) -> Result<(Vec<Item>, Vec<Item>)> {
    let wanted = KeysAndAttributes::builder().consistent_read(true).set_keys(Some(keys)).build();
    let wanted = wanted.map_err(|error| Error::new(ErrorKind::Internal, "no keys to read").because(error))?;
    let request = dynamo.client.batch_get_item().request_items(&dynamo.table, wanted);
    let answer = request.send().await.map_err(failed)?;
    let read = answer.responses.and_then(|mut tables| tables.remove(&dynamo.table)).unwrap_or_default();
    let unprocessed = answer.unprocessed_keys.and_then(|mut tables| tables.remove(&dynamo.table));
    Ok((read, unprocessed.map(|rest| rest.keys).unwrap_or_default()))
}
