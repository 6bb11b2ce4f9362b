//! Keys, a tenant's settings, uploads, and runs taken over.

use std::sync::Arc;

use serde_json::json;

use super::house::{House, request};
use crate::agent::Catalogue;
use crate::error::{Error, ErrorKind};
use crate::gather::plan_facts;
use crate::ledger_view::run_report;
use crate::model::{
    Depth, KeyId, NanoUsd, OutboxMessage, Run, RunKey, RunStatus, Scope, Source, TenantId, TenantSettings,
};
use crate::ports::{Key, Ports, Queue, Row};
use crate::start_run::load_run;
use crate::transact::{Decision, transact};
use crate::{Caller, RunRequest, authenticate, create_key, revoke_key, rotate_key};

const DAY_MS: u64 = 86_400_000;

fn tenant() -> TenantId {
    TenantId::new("acme")
}

async fn kind(ports: &Ports, presented: &str) -> Option<ErrorKind> {
    authenticate(ports, presented).await.err().map(|error: Error| error.kind())
}

#[test]
fn a_key_opens_its_tenant_until_it_ends() {
    let house = House::new(None, None);
    let ports = house.ports.clone();
    let stored = house.store.clone();
    house.block_on(async move {
        let expires_ms = Some(ports.clock.now_ms() + DAY_MS);
        let issued =
            create_key(&ports, &tenant(), &[Scope::Read, Scope::Run], expires_ms, [7; 32]).await.unwrap();
        let caller: Caller = authenticate(&ports, &issued.text).await.unwrap();
        assert_eq!((&caller.tenant, &caller.key), (&tenant(), &issued.key.id));
        assert!(caller.require(Scope::Read).is_ok() && caller.require(Scope::Run).is_ok());
        assert_eq!(caller.require(Scope::Admin).unwrap_err().kind(), ErrorKind::Forbidden);

        let (id, secret) = issued.text.split_once('.').unwrap();
        let rows = format!("{:?}", stored.all_rows());
        assert!(rows.contains(id) && !rows.contains(secret), "only a digest is stored");
        for wrong in [
            String::new(),
            id.to_owned(),
            format!("{id}."),
            format!("{id}.{secret}0"),
            format!("{id}.{}", &secret[1..]),
            format!("{}.{secret}", id.to_lowercase()),
            format!("ak_01KBAZ5S0R0000000000000001.{secret}"),
            format!("../{id}.{secret}"),
            "x".repeat(100_000),
        ] {
            assert_eq!(kind(&ports, &wrong).await, Some(ErrorKind::Unauthorized), "{wrong:.80}");
        }
        ports.clock.sleep(DAY_MS).await;
        assert_eq!(kind(&ports, &issued.text).await, Some(ErrorKind::Unauthorized), "expired");
    });
}

#[test]
fn two_secrets_live_while_a_key_is_rotated_and_none_once_it_is_revoked() {
    let house = House::new(None, None);
    let ports = house.ports.clone();
    house.block_on(async move {
        let first = create_key(&ports, &tenant(), &[Scope::Admin], None, [1; 32]).await.unwrap();
        let id: KeyId = first.key.id.clone();
        let second = rotate_key(&ports, &tenant(), &id, [2; 32]).await.unwrap();
        assert_eq!((kind(&ports, &first.text).await, kind(&ports, &second.text).await), (None, None));
        let third = rotate_key(&ports, &tenant(), &id, [3; 32]).await.unwrap();
        assert_eq!(kind(&ports, &first.text).await, Some(ErrorKind::Unauthorized), "only two are live");
        assert_eq!((kind(&ports, &second.text).await, kind(&ports, &third.text).await), (None, None));

        let other = TenantId::new("other");
        assert_eq!(revoke_key(&ports, &other, &id).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(crate::list_keys(&ports, &other).await.unwrap(), []);
        let revoked = revoke_key(&ports, &tenant(), &id).await.unwrap();
        assert_eq!(revoke_key(&ports, &tenant(), &id).await.unwrap(), revoked, "again is the same as once");
        for text in [&second.text, &third.text] {
            assert_eq!(kind(&ports, text).await, Some(ErrorKind::Unauthorized));
        }
        assert!(rotate_key(&ports, &tenant(), &id, [4; 32]).await.is_err());
        assert_eq!(crate::list_keys(&ports, &tenant()).await.unwrap(), [revoked]);
    });
}

#[test]
fn a_tenants_own_limits_hold_for_its_next_run() {
    let house = House::new(None, Some(Vec::new()));
    let ports = house.ports.clone();
    house.block_on(async move {
        let asked = request(&ports, Some("limits")).await;
        let of = asked.tenant.clone();
        let settings = TenantSettings {
            daily_budget: Some(NanoUsd::from_usd(2)),
            monthly_budget: Some(NanoUsd::from_usd(30)),
            soft_limit: None,
            run_cap: Some(NanoUsd(5)),
            depth_limit: Some(asked.depth),
            models: crate::model::ModelPolicy::default(),
        };
        crate::set_tenant_settings(&ports, &of, &settings).await.unwrap();
        let deeper = RunRequest { depth: Depth::Experimental, ..asked.clone() };
        assert_eq!(crate::start_run(&ports, &deeper).await.unwrap_err().kind(), ErrorKind::Forbidden);
        let (run, new) = crate::start_run(&ports, &asked).await.unwrap();
        assert!(new);
        let window = crate::calendar::day(ports.clock.now_ms());
        let keys = [Key::Purse(run.clone()), Key::Budget(of.clone(), window)];
        let rows = ports.store.read(&keys).await.unwrap();
        let [Some(Row::Purse(purse)), Some(Row::Budget(budget))] =
            [0, 1].map(|place| rows[place].as_ref().map(|found| &found.row))
        else {
            panic!("{rows:?}")
        };
        assert_eq!((purse.cap, budget.limit), (NanoUsd(5), Some(NanoUsd::from_usd(2))));
        // What is shown and what agents are told is the cap it has, not its depth's.
        let stored = load_run(&ports, &run).await.unwrap().unwrap();
        let report = run_report(&ports, &stored).await.unwrap();
        for told in [
            json!(stored.cap()),
            plan_facts(&ports, &stored)["cap_nano_usd"].clone(),
            report["cap_nano_usd"].clone(),
        ] {
            assert_eq!(told, json!(purse.cap));
        }
        let mut row = json!(stored);
        row.as_object_mut().unwrap().remove("cap").unwrap();
        let before: Run = serde_json::from_value(row).unwrap();
        assert_eq!(before.cap(), before.depth.cap());
        let renamed = Source { name: "other".to_owned(), ..asked.source.clone() };
        let other = RunRequest { source: renamed, ..asked.clone() };
        let mismatch = crate::start_run(&ports, &other).await.unwrap_err();
        assert_eq!(mismatch.kind(), ErrorKind::IdempotencyMismatch);
        crate::set_tenant_settings(
            &ports,
            &of,
            &TenantSettings { daily_budget: Some(NanoUsd::ZERO), ..settings },
        )
        .await
        .unwrap();
        assert!(!crate::start_run(&ports, &asked).await.unwrap().1, "an accepted run is found again");
        let next = RunRequest { idempotency_key: None, ..asked };
        assert_eq!(crate::start_run(&ports, &next).await.unwrap_err().kind(), ErrorKind::Budget);
    });
}

#[test]
fn an_upload_is_its_tenants_for_a_day() {
    let house = House::new(None, None);
    let ports = house.ports.clone();
    house.block_on(async move {
        let (id, empty) = crate::open_upload(&ports, &tenant(), "talk.vtt").await.unwrap();
        assert_eq!(empty.content, None);
        let other = TenantId::new("other");
        let foreign = crate::fill_upload(&ports, &other, &id, b"words").await.unwrap_err();
        assert_eq!(foreign.kind(), ErrorKind::NotFound);
        let filled = crate::fill_upload(&ports, &tenant(), &id, b"words").await.unwrap();
        assert_eq!((filled.bytes, filled.name.as_str()), (5, "talk.vtt"));
        assert_eq!(crate::load_upload(&ports, &tenant(), &id).await.unwrap(), filled);
        ports.clock.sleep(DAY_MS).await;
        assert_eq!(crate::load_upload(&ports, &tenant(), &id).await.unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn only_the_same_request_goes_on() {
    let house = House::new(None, None);
    let (ports, run) = (house.ports.clone(), house.run.clone());
    house.block_on(async move {
        let same = request(&ports, None).await;
        let found = |ports: Ports, request: RunRequest| async move {
            crate::unfinished_run(&ports, &request).await.unwrap()
        };
        assert_eq!(found(ports.clone(), same.clone()).await, Some(run));
        let mut others = vec![
            RunRequest { tenant: TenantId::new("other"), ..same.clone() },
            RunRequest { use_cache: !same.use_cache, ..same.clone() },
        ];
        let depths = Depth::ALL.into_iter().filter(|depth| *depth != same.depth);
        others.extend(depths.map(|depth| RunRequest { depth, ..same.clone() }));
        let edited = ports.content.put(&same.tenant, b"other words").await.unwrap();
        others.push(RunRequest { source: Source { content: edited, ..same.source.clone() }, ..same.clone() });
        others.push(RunRequest {
            source: Source { name: "other.vtt".into(), ..same.source.clone() },
            ..same.clone()
        });
        let link = Some("https://example.org/talk".to_owned());
        others.push(RunRequest { source: Source { link, ..same.source.clone() }, ..same.clone() });
        for other in others {
            assert_eq!(found(ports.clone(), other.clone()).await, None, "{other:?}");
        }
        let catalogue = Catalogue { version: "newer".into(), ..Catalogue::clone(&ports.catalogue) };
        let newer = Ports { catalogue: Arc::new(catalogue), ..ports };
        assert_eq!(found(newer, same).await, None);
    });
}

#[test]
fn every_unfinished_run_is_taken_over() {
    let house = House::new(None, None);
    let ports = house.ports.clone();
    let unfinished = [house.run.clone(), house.start()];
    let resumed = house.block_on(async move {
        let other = RunRequest { tenant: TenantId::new("other"), ..request(&ports, None).await };
        let (second, _) = crate::start_run(&ports, &other).await.unwrap();
        let resumed = crate::resume_unfinished(&ports).await.unwrap();
        assert!(resumed.contains(&second));
        crate::finish_run(&ports, &second, Some("stopped")).await.unwrap();
        crate::deliver(&ports, &second).await.unwrap();
        crate::resume_unfinished(&ports).await.unwrap()
    });
    assert_eq!(resumed, unfinished.into());
}

#[test]
fn a_run_that_was_left_is_nobody_elses_to_end_or_to_start() {
    let house = House::new(None, None);
    let (ports, queues, left) = (house.ports.clone(), house.queues.clone(), house.run.clone());
    let own = house.start_other(1);
    let given_up = house.start_other(2);
    house.block_on(async move {
        let starts = || {
            let received = std::iter::from_fn(|| queues.receive(Queue::Runs));
            received.map(|received| queues.acknowledge(Queue::Runs, received.receipt)).count()
        };
        assert_eq!(starts(), 3);
        let status = |run: RunKey| {
            let ports = ports.clone();
            async move { load_run(&ports, &run).await.unwrap().unwrap().status }
        };
        let leftover = crate::outbox::put(&left, crate::outbox::START, OutboxMessage::Start, 0);
        ports.store.write(&[leftover]).await.unwrap();
        crate::sweep_beside(&ports, &own).await.unwrap();
        assert_eq!(starts(), 0);
        ports.clock.sleep(DAY_MS).await;
        crate::sweep_beside(&ports, &own).await.unwrap();
        assert_eq!((status(left.clone()).await, starts()), (RunStatus::Running, 0));
        assert_eq!(status(own.clone()).await, RunStatus::Failed, "its own deadline holds");
        // Whoever goes on with it has its whole time again.
        crate::resume_run(&ports, &left).await.unwrap();
        crate::sweep_beside(&ports, &left).await.unwrap();
        let resumed = load_run(&ports, &left).await.unwrap().unwrap();
        assert_eq!(resumed.status, RunStatus::Running);
        assert_eq!(resumed.deadline_ms, ports.clock.now_ms() + resumed.depth.deadline_ms());
        ports.clock.sleep(DAY_MS).await;
        crate::sweep_beside(&ports, &left).await.unwrap();
        assert_eq!(status(left.clone()).await, RunStatus::Failed);
        assert_eq!(status(given_up.clone()).await, RunStatus::Running);
        ports.clock.sleep(6 * DAY_MS).await;
        crate::sweep_beside(&ports, &left).await.unwrap();
        assert_eq!(status(given_up).await, RunStatus::Failed, "nobody has gone on with it for a week");
    });
}

/// As if its workflow had done all.
async fn complete(ports: &Ports, run: &RunKey) {
    crate::finish_run(ports, run, None).await.unwrap();
    let key = Key::Run(run.clone());
    transact(ports, std::slice::from_ref(&key), |rows| {
        let complete = Run { status: RunStatus::Complete, ..rows.run(&key).unwrap().clone() };
        Ok(Decision::Write(vec![rows.put(key.clone(), Row::Run(complete), None)], ()))
    })
    .await
    .unwrap();
}

#[test]
fn what_a_command_has_done_is_told_from_what_was_done_another_day() {
    let house = House::new(None, None);
    let ports = house.ports.clone();
    house.block_on(async move {
        let base = request(&ports, None).await;
        let of = |name: &str| RunRequest {
            source: Source { name: name.into(), ..base.source.clone() },
            ..base.clone()
        };
        let asked = ["a", "b", "c", "d"].map(of);
        let done = async || crate::ended_before(&ports, &asked).await.unwrap();
        let run = async |place: usize| {
            let (run, _) = crate::start_run(&ports, &asked[place]).await.unwrap();
            complete(&ports, &run).await;
            crate::deliver(&ports, &run).await.unwrap();
            ports.clock.sleep(1_000).await;
            run
        };
        let begin = async |place: usize| crate::start_run(&ports, &asked[place]).await.unwrap().0;
        // Another day.
        run(0).await;
        run(1).await;
        assert_eq!(done().await, [None, None, None, None]);
        ports.clock.sleep(DAY_MS).await;
        let first = begin(0).await;
        assert_eq!(done().await, [None, None, None, None], "the first is gone on with");
        complete(&ports, &first).await;
        crate::deliver(&ports, &first).await.unwrap();
        let second = run(1).await;
        let third = begin(2).await;
        assert_eq!(done().await, [Some(first.clone()), Some(second), None, None]);
        // It goes on a day later.
        ports.clock.sleep(DAY_MS).await;
        crate::resume_run(&ports, &third).await.unwrap();
        complete(&ports, &third).await;
        begin(3).await;
        let [a, b, c, d] = &done().await[..] else { panic!() };
        assert!(a.is_some() && b.is_some() && d.is_none());
        assert_eq!(*c, None, "its briefing is still to be delivered");
        crate::deliver(&ports, &third).await.unwrap();
        assert_eq!(done().await[2], Some(third));
        // What is asked for alone is another request.
        assert_eq!(crate::ended_before(&ports, &[asked[0].clone()]).await.unwrap(), [None]);
        assert_eq!(
            crate::ended_before(&ports, &[asked[0].clone(), asked[3].clone()]).await.unwrap(),
            [None, None]
        );
        // A day later the second fails, and the third is begun.
        let fourth = crate::unfinished_run(&ports, &asked[3]).await.unwrap().unwrap();
        complete(&ports, &fourth).await;
        crate::deliver(&ports, &fourth).await.unwrap();
        ports.clock.sleep(DAY_MS).await;
        let first = run(0).await;
        let failed = begin(1).await;
        crate::finish_run(&ports, &failed, None).await.unwrap();
        assert_eq!(load_run(&ports, &failed).await.unwrap().unwrap().status, RunStatus::Failed);
        crate::deliver(&ports, &failed).await.unwrap();
        begin(2).await;
        assert_eq!(done().await, [Some(first.clone()), None, None, None], "what failed is tried again");
        // An hour later it is, and the command is interrupted once more.
        ports.clock.sleep(DAY_MS / 24).await;
        let again = begin(1).await;
        assert_eq!(done().await, [Some(first.clone()), None, None, None], "it is gone on with");
        complete(&ports, &again).await;
        crate::deliver(&ports, &again).await.unwrap();
        assert_eq!(
            done().await,
            [Some(first), Some(again), None, None],
            "what is done is not done once more"
        );
    });
}
