//! Who may ask for what, on every route the document names.

use engine::model::{Scope, TenantId};

use super::house::{Ask, House, START_MS};
use crate::openapi;

const RUN: &str = "01KBAZ5S0R0000000000000001";

/// Every operation that needs a key: method, path, scope.
fn guarded() -> Vec<(&'static str, String, Scope)> {
    let document = openapi::document();
    let mut found = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let method = match method.as_str() {
                "get" => "GET",
                "post" => "POST",
                "put" => "PUT",
                "delete" => "DELETE",
                other => panic!("{other}"),
            };
            if let Some(scope) = operation["x-scope"].as_str() {
                found.push((method, path.replace("{id}", RUN), Scope::from_name(scope).unwrap()));
            }
        }
    }
    assert_eq!(found.len(), 15);
    found
}

/// Asks with these authorisation headers, on every route, with and without a body that would be refused anyway. Nothing but
/// the key's own row is read.
fn check_refused(house: &House, authorisations: &[&str], expected: (u16, &str)) {
    for (method, path, _) in guarded() {
        for ask in [
            Ask::new(method, &path),
            Ask::new(method, format!("{path}?nonsense=1")).bytes("[").header("content-type", "text/plain"),
        ] {
            let ask = authorisations.iter().fold(ask, |ask, text| ask.header("authorization", *text));
            house.store.take_asked();
            let answer = house.check(&ask, expected);
            assert_eq!(answer.headers.contains_key("www-authenticate"), expected.0 == 401);
            let asked = house.store.take_asked();
            let own_row = |what: &String| what.starts_with("ApiKey(");
            assert!(asked.len() <= 1 && asked.iter().all(own_row), "{method} {path}: {asked:?}");
        }
    }
}

#[test]
fn nobody_passes_without_a_key_that_opens() {
    let house = House::new();
    let unauthorised = (401, "Unauthorized");
    let good = house.key("acme", &[Scope::Admin], Some(START_MS + 1_000_000)).text;
    let (id, secret) = good.split_once('.').unwrap();
    let other = house.key("other", &[Scope::Admin], None).text;
    let expired = house.key("acme", &[Scope::Admin], Some(START_MS)).text;
    let revoked = house.key("acme", &[Scope::Admin], None);
    let (ports, gone) = (house.ports.clone(), revoked.key.id.clone());
    house.block_on(async move { engine::revoke_key(&ports, &TenantId::new("acme"), &gone).await }).unwrap();
    check_refused(&house, &[], unauthorised);
    for authorisation in [
        "",
        "Bearer",
        "Bearer ",
        &good,
        &format!("Basic {good}"),
        &format!("Bearer {id}"),
        &format!("Bearer {id}."),
        &format!("Bearer {id}.{}", secret.to_lowercase()),
        &format!("Bearer {id}.{secret}x"),
        &format!("Bearer {id}.{}", other.split_once('.').unwrap().1),
        &format!("Bearer ak_{RUN}.{secret}"),
        &format!("Bearer {expired}"),
        &format!("Bearer {}", revoked.text),
        &format!("Bearer {good}, Bearer {other}"),
    ] {
        check_refused(&house, &[authorisation], unauthorised);
    }
    let twice = format!("Bearer {good}");
    check_refused(&house, &[&twice, &twice], unauthorised);
}

#[test]
fn a_key_opens_only_what_its_scopes_say() {
    let house = House::new();
    for (method, path, needed) in guarded() {
        for has in Scope::ALL {
            let key = house.key("acme", &[has], None).text;
            house.store.take_asked();
            let answer = house.ask(&Ask::new(method, &path).key(&key));
            let opens = has == needed || has == Scope::Admin;
            assert_eq!(answer.status != 403, opens, "{has:?} on {method} {path}: {}", answer.body);
            assert_ne!(answer.status, 401);
            if !opens {
                assert_eq!(answer.body["kind"], "Forbidden");
                assert_eq!(house.store.take_asked().len(), 1, "nothing but the key's own row");
            }
        }
    }
}

#[test]
fn what_is_open_touches_nothing() {
    let house = House::new();
    for path in ["/health", "/openapi.json"] {
        house.check(&Ask::new("GET", path).header("authorization", "nonsense"), (200, "-"));
    }
    for path in ["/", "/runs/", "/nothing", "/runs/a/b/c"] {
        house.check(&Ask::new("GET", path), (404, "NotFound"));
    }
    for method in ["PATCH", "PUT", "OPTIONS", "TRACE"] {
        let answer = house.check(&Ask::new(method, "/runs"), (405, "MethodNotAllowed"));
        assert!(answer.headers["allow"].to_str().unwrap().contains("POST"));
    }
    assert_eq!(house.store.take_asked(), Vec::<String>::new());
}
