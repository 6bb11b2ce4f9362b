//! Sources that are out of reach.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::json;

use super::house::House;
use crate::agent::Fact;
use crate::error::{Error, ErrorKind, Result};
use crate::lease::MAX_ATTEMPTS;
use crate::model::{Source, Status};
use crate::ports::{Acquired, Platform};

/// A place that fails in these ways, one after the other, and then answers.
struct Far(Mutex<VecDeque<Error>>);

#[async_trait]
impl Platform for Far {
    fn name(&self) -> &'static str {
        "far"
    }

    fn recognises(&self, _: &Source) -> bool {
        true
    }

    async fn acquire(&self, _: &Source, _: &[u8]) -> Result<Acquired> {
        match self.0.lock().unwrap().pop_front() {
            Some(error) => Err(error),
            None => Ok(Acquired { facts: json!({"format": "text"}), content: None }),
        }
    }
}

/// The house whose worker is told of its source, which fails in these ways.
fn house(errors: Vec<Error>) -> House {
    let mut house = House::new(super::complete(), None);
    let mut catalogue = (*house.ports.catalogue).clone();
    for agent in &mut catalogue.agents {
        if agent.id.as_str() == "worker" {
            Arc::make_mut(agent).facts = [Fact::Source].into();
        }
    }
    house.ports.catalogue = Arc::new(catalogue);
    house.ports.platforms = Arc::new(vec![Arc::new(Far(Mutex::new(errors.into())))]);
    house
}

#[test]
fn a_source_out_of_reach_is_asked_again_soon_and_then_given_up_with_its_own_words() {
    let unreached = || Error::new(ErrorKind::Network, "far.example cannot be connected to");
    let mut waited_ms = 0;
    let house = house((0..9).map(|_| unreached()).collect());
    for hop in 0..MAX_ATTEMPTS {
        assert!(house.result("worker").is_none(), "hop {hop}");
        house.step("worker", hop).unwrap();
        waited_ms += house.next_in_ms().filter(|_| hop + 1 < MAX_ATTEMPTS).unwrap_or(0);
    }
    let result = house.result("worker").unwrap();
    assert_eq!((result.status(), result.meta.attempt), (Status::Failed, MAX_ATTEMPTS));
    assert!(result.reason().unwrap().contains("far.example cannot be connected to"));
    assert!((1_000..30_000).contains(&waited_ms), "{waited_ms}");
}

#[test]
fn a_source_that_comes_back_is_read_and_one_that_says_when_is_asked_then() {
    let later = Error::new(ErrorKind::RateLimited, "far.example asks to come back later").retry_after(7_000);
    let unreached = Error::new(ErrorKind::Network, "far.example cannot be connected to");
    let house = house(vec![later, unreached]);
    house.step("worker", 0).unwrap();
    assert_eq!(house.next_in_ms(), Some(7_000));
    house.step("worker", 1).unwrap();
    house.step("worker", 2).unwrap();
    assert_eq!(house.result("worker").unwrap().status(), Status::Ok);
}

#[test]
fn a_source_that_always_says_later_is_given_up_and_a_slow_one_sooner() {
    let later =
        || Error::new(ErrorKind::RateLimited, "far.example asks to come back later").retry_after(1_000);
    let slow = || Error::new(ErrorKind::Timeout, "far.example comes too slowly");
    for (error, attempts) in [(&later as &dyn Fn() -> Error, MAX_ATTEMPTS), (&slow, 2)] {
        let house = house((0..20).map(|_| error()).collect());
        for hop in 0..attempts {
            assert!(house.result("worker").is_none(), "hop {hop}");
            house.step("worker", hop).unwrap();
        }
        let result = house.result("worker").unwrap();
        assert_eq!((result.status(), result.meta.attempt), (Status::Failed, attempts));
        assert!(result.reason().unwrap().contains(error().message()));
    }
}
