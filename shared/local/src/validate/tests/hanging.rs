//! A component that never answers: its row fails, the others say what they say without it, and all of it ends in time.

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;

use super::*;

/// In this time a validation has ended, whatever hangs, in milliseconds.
const IN_TIME_MS: u64 = 2_600;
/// Longer than anybody waits.
const NEVER: Fault = Fault::Slow(600_000);

/// These ports with one of them hanging.
fn hang(mut ports: Ports, port: &str) -> Ports {
    let clock = ports.clock.clone();
    match port {
        "content" => ports.content = Arc::new(Broken::new(ports.content, clock, NEVER)),
        "limits" => ports.limits = Arc::new(Broken::new(ports.limits, clock, NEVER)),
        "cache" => ports.cache = Arc::new(Broken::new(ports.cache, clock, NEVER)),
        "memory" => ports.memory = Arc::new(Broken::new(ports.memory, clock, NEVER)),
        "store" => ports.store = Arc::new(Broken::new(ports.store, clock, NEVER)),
        "tools" => {
            let hung =
                |tool| Arc::new(Broken::new(tool, clock.clone(), NEVER)) as Arc<dyn engine::ports::Tool>;
            ports.tools =
                Arc::new(ports.tools.iter().map(|(name, tool)| (*name, hung(tool.clone()))).collect());
        }
        other => panic!("{other}"),
    }
    ports
}

/// Hangs `ports`, and the site with them if `site` does, and holds what a validation says against the rows that must fail. How
/// long it took, in milliseconds.
async fn check(hung: &[&str], site_hangs: bool, failing: &[&str]) -> u64 {
    let house = House::new().await;
    let ports = hung.iter().fold(house.ports.clone(), |ports, port| hang(ports, port));
    let began_ms = ports.clock.now_ms();
    let rows = if site_hangs {
        // The system takes connections for it, and nobody answers them.
        validate(&ports, &TenantId::new("local"), &house.site).await
    } else {
        house.validate(&ports).await
    };
    let took_ms = ports.clock.now_ms() - began_ms;
    assert_eq!(rows.len(), COMPONENTS.len());
    for row in &rows {
        let expected = if failing.contains(&row.component) { Verdict::Fail } else { fresh(row.component) };
        assert_eq!(row.verdict, expected, "{hung:?} never answer: {row:?}");
    }
    assert!(took_ms < IN_TIME_MS, "{hung:?} never answer: {took_ms} ms");
    took_ms
}

#[tokio::test]
async fn what_never_answers_fails_in_time() {
    // Rates, stored answers and memory stand on rows of their own here.
    const ON_ROWS: [&str; 7] = [
        "step_result",
        "monitoring",
        "performance_validator",
        "cost_optimizer",
        "performance",
        "cost_optimisation",
        "health_checks",
    ];
    let all = ["content", "limits", "cache", "memory", "tools", "store"];
    let others = ["distributed_rate_limiting", "advanced_caching", "memory", "mcp_tools", "download"];
    let failing = [&ON_ROWS[..], &others[..]].concat();
    let mut longest_ms = 0;
    // Two at a time, for each does little but wait.
    for two in [
        [(&["content"][..], false, &["step_result"][..]), (&["limits"], false, &others[..1])],
        [(&["cache"], false, &others[1..2]), (&["memory"], false, &others[2..3])],
        [(&["tools"], false, &others[3..4]), (&[], true, &others[4..])],
        [(&["store"], false, &ON_ROWS), (&all, true, &failing)],
    ] {
        let checks = two.map(|(hung, site_hangs, failing)| check(hung, site_hangs, failing));
        longest_ms = join_all(checks).await.into_iter().fold(longest_ms, u64::max);
    }
    println!("7 components hanging alone, and all at once; the longest validation took {longest_ms} ms");
}

/// The server's `hung` paths never answer.
async fn unless_hung(hung: &'static [&'static str], request: Request, next: Next) -> Response {
    if hung.contains(&request.uri().path()) {
        std::future::pending::<()>().await;
    }
    next.run(request).await
}

#[tokio::test]
async fn an_api_that_never_answers_fails_in_time() {
    const PATHS: [&str; 3] = ["/health/components", "/agents", "/optimizations"];
    let house = House::new().await;
    let ports = &house.ports;
    let issued =
        engine::create_key(ports, &TenantId::new("local"), &[Scope::Read], None, [7; 32]).await.unwrap();
    // What is asked nothing is unknown.
    let unasked = |component: &str| {
        ["fact_check", "research", "download", "discord", "cost_optimisation"].contains(&component)
    };
    let told_by = |component: &str| match component {
        "agent_count" | "crew_configuration" => "/agents",
        "performance" => "/optimizations",
        _ => "/health/components",
    };
    for hung in [&PATHS[..1], &PATHS[1..2], &PATHS[2..], &PATHS[..]] {
        let api = Api {
            ports: ports.clone(),
            config: house.config.clone(),
            longest_wait_ms: 1_000,
            health: Watch::probing(),
        };
        let router =
            api::router(&Arc::new(api)).layer(from_fn(move |request, next| unless_hung(hung, request, next)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let deployed = Deployed::new(&url, &issued.text).unwrap();
        let began_ms = ports.clock.now_ms();
        let server = IntoFuture::into_future(axum::serve(listener, router));
        let rows = match select(pin!(remote::validate(&deployed)), pin!(server)).await {
            Either::Left((rows, _)) => rows.unwrap(),
            Either::Right(_) => unreachable!(),
        };
        let took_ms = ports.clock.now_ms() - began_ms;
        for row in rows {
            let fails = !unasked(row.component) && hung.contains(&told_by(row.component));
            assert_eq!(row.verdict == Verdict::Fail, fails, "{hung:?} never answer: {row:?}");
        }
        assert!(took_ms < IN_TIME_MS, "{hung:?} never answer: {took_ms} ms");
        println!("{} of 3 questions to an API hang: {took_ms} ms", hung.len());
    }
}
