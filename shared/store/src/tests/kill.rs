//! What is left after a process is killed in the middle of its work.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use engine::model::TenantId;
use engine::ports::{Expect, Key, Store};

use super::{block_on, counters, in_file, put};

/// A row that each write of the victim makes anew, and one that counts them in the same transaction.
fn keys(number: u64) -> [Key; 2] {
    let tenant = TenantId::new("victim");
    [Key::Cache(tenant.clone(), number.to_string()), Key::Counters(tenant, 0)]
}

#[test]
fn acknowledged_writes_survive_a_kill() {
    for acknowledged in [1, 20, 150] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.db");
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::kill::victim", "--ignored", "--nocapture", "--quiet"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(victim.stdin.take().unwrap(), "{}", path.display()).unwrap();
        let mut last = 0;
        for line in BufReader::new(victim.stdout.take().unwrap()).lines() {
            last =
                line.unwrap().strip_prefix("wrote ").and_then(|number| number.parse().ok()).unwrap_or(last);
            if last >= acknowledged {
                break;
            }
        }
        victim.kill().unwrap();
        victim.wait().unwrap();
        assert!(last >= acknowledged, "the victim ended by itself");

        let store = in_file(&path);
        let count = block_on(store.read(&keys(0))).unwrap().remove(1).unwrap().version;
        assert!(count >= last, "{last} writes were acknowledged, {count} are left");
        for number in 1..=count {
            let row = block_on(store.read(&keys(number))).unwrap().remove(0);
            assert_eq!(row.unwrap().row, counters(number), "a transaction is whole");
        }
        assert!(block_on(store.read(&keys(count + 1))).unwrap()[0].is_none(), "and never half there");
        block_on(store.write(&[put(&keys(count + 1)[0], Expect::Absent, counters(0))])).unwrap();
    }
}

#[test]
#[ignore = "run by the test above, which kills it"]
fn victim() {
    let mut path = String::new();
    std::io::stdin().read_line(&mut path).unwrap();
    let store = in_file(path.trim().as_ref());
    for number in 1.. {
        let [own, counter] = keys(number);
        let expect = if number == 1 { Expect::Absent } else { Expect::Version(number - 1) };
        let changes = [put(&own, Expect::Absent, counters(number)), put(&counter, expect, counters(number))];
        block_on(store.write(&changes)).unwrap();
        println!("wrote {number}");
    }
}
