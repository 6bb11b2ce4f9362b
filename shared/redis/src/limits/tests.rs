use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use engine::limits::{Dimension, Rule};
use engine::model::{AgentId, TenantId};
use futures::join;

use super::*;
use crate::link::pause;

/// A server that takes each script for granted, but never answers one on its first connection.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let stream = stream.unwrap();
            std::thread::spawn(move || serve(stream, number == 0));
        }
    });
    url
}

fn serve(mut stream: TcpStream, is_mute: bool) -> Option<()> {
    let mut input = BufReader::new(stream.try_clone().ok()?);
    let number = |mark: char, input: &mut BufReader<TcpStream>| {
        let mut line = String::new();
        input.read_line(&mut line).ok()?;
        line.trim_end().strip_prefix(mark)?.parse::<usize>().ok()
    };
    loop {
        let mut words = Vec::new();
        for _ in 0..number('*', &mut input)? {
            let mut word = vec![0; number('$', &mut input)? + 2];
            input.read_exact(&mut word).ok()?;
            words.push(word);
        }
        let answer = match words.first()?.as_slice() {
            b"EVALSHA\r\n" if is_mute => continue,
            b"EVALSHA\r\n" => {
                let numbers = [1.0, 1_790_000_000_000.0, 0.0, 0.0_f64];
                [b"$32\r\n".to_vec(), numbers.map(f64::to_le_bytes).concat(), b"\r\n".to_vec()].concat()
            }
            b"INFO\r\n" => b"$10\r\nrun_id:one\r\n".to_vec(),
            b"SCRIPT\r\n" => b"$6\r\ndigest\r\n".to_vec(),
            _ => b"+OK\r\n".to_vec(),
        };
        stream.write_all(&answer).ok()?;
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn rates() -> Rates {
    let (scope, dimension) = (Scope::Tenant, Dimension::Requests);
    Rates::new(vec![Rule { scope, of: None, dimension, capacity: 100, span_ms: 1_280 }]).unwrap()
}

async fn ask(limits: &RedisLimits, id: &str, tenant: &str) -> Backend {
    let take = Take {
        id: TakeId::new(id),
        tenant: TenantId::new(tenant),
        agent: AgentId::new("planner"),
        model: "model".to_owned(),
        provider: "provider".to_owned(),
        input_tokens: 0,
        output_tokens: 0,
    };
    limits.take(&take).await.unwrap().backend
}

/// Two calls are under way when the connection is lost: the second fails when the next connection is open already.
#[test]
fn a_late_failure_of_an_earlier_connection_keeps_no_tag_away() {
    block_on(async {
        let settings = Settings { patience_ms: 300, ..Settings::of("one") };
        let limits = RedisLimits::open(&server(), rates(), settings, None).await.unwrap();
        let (early, late) = (ask(&limits, "1", "early"), async {
            pause().await;
            ask(&limits, "2", "late").await
        });
        assert_eq!(join!(early, late), (Backend::Spare, Backend::Spare));
        for number in 3.. {
            pause().await;
            let (early, late) = (format!("{number}/early"), format!("{number}/late"));
            let (early, late) = (ask(&limits, &early, "early").await, ask(&limits, &late, "late").await);
            if (early, late) == (Backend::Redis, Backend::Redis) {
                return;
            }
            assert!(number < 20, "{early:?} {late:?}");
        }
    });
}

#[test]
fn the_first_span_without_redis_begins_when_it_is_lost() {
    block_on(async {
        let link = Link::new(&server(), "script".to_owned(), 300).unwrap();
        link.open().await.unwrap();
        pause().await;
        let age = link.lost_for();
        link.lose(0);
        assert!(link.lost_for() >= age, "that was another connection");
        link.lose(1);
        assert!(link.lost_for() < age);
    });
}
