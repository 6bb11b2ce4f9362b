//! Prices that were read after the catalogue was made.

use crate::calendar;
use crate::error::{Error, ErrorKind, Result};
use crate::model::PriceList;
use crate::ports::{Key, Ports, Row};
use crate::transact::{Decision, read, transact};

/// The prices kept beside the catalogue's. They hold for all tenants.
pub async fn prices(ports: &Ports) -> Result<PriceList> {
    Ok(match read(ports, &[Key::Prices]).await?.pop().flatten() {
        Some(Row::Prices(list)) => list,
        _ => PriceList::default(),
    })
}

/// Keeps these prices; of two for one model the one read later. Calls reckon with them from now on. Kind
/// `InvalidInput` for a date that is yet to come: no later price could take its place.
pub async fn keep_prices(ports: &Ports, newer: &PriceList) -> Result<PriceList> {
    let tomorrow = calendar::day(ports.clock.now_ms() + calendar::DAY_MS);
    if let Some((model, price)) = newer.prices.iter().find(|(_, price)| price.as_of > tomorrow) {
        let what = format!("the price of {model} was read on {}, which is yet to come", price.as_of);
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    transact(ports, &[Key::Prices], |rows| {
        let mut list = match rows.get(&Key::Prices) {
            Some(Row::Prices(list)) => list.clone(),
            _ => PriceList::default(),
        };
        for (model, price) in &newer.prices {
            if list.prices.get(model).is_none_or(|kept| kept.as_of <= price.as_of) {
                list.prices.insert(model.clone(), price.clone());
            }
        }
        let change = rows.put(Key::Prices, Row::Prices(list.clone()), None);
        Ok(Decision::Write(vec![change], list))
    })
    .await
}
