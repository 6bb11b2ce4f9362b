//! The adapters of AWS keep the contracts of their ports, on the emulator.

use std::sync::Arc;

use aws::{S3, StepFunctions};
use engine::contract;
use engine::ports::{Clock, Delivery as _};
use lab::stack::{Options, Profile, Stack};
use serde_json::json;
use store::Dynamo;

#[test]
fn rows_content_posts_and_workflows_keep_their_contracts() {
    // In the full profile, so that there is a Redis to ask.
    let mut options = Options::new("it-adapters").profile(Profile::Full).authorised(true);
    options.build = false;
    let stack = Stack::start(&options).unwrap();
    let connection = lab::stack::connection(&format!("http://{}", stack.servers().emulator)).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(boot::SystemClock);
    // A table of its own, as empty as the contract wants it.
    let rows = Dynamo::connect(connection.sdk_config(), "contract");
    stack.block_on(rows.create()).unwrap();
    assert_eq!(stack.block_on(contract::store_contract(&rows)), Ok(()));

    let bucket = S3::new(&connection, stack.deployed().output("BucketName").unwrap(), clock.clone()).unwrap();
    assert_eq!(stack.block_on(contract::content_contract(&bucket)), Ok(()));
    // On a runtime and counted from a thread of their own: the stack's is asked meanwhile.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let posts = || {
        std::thread::scope(|scope| {
            scope.spawn(|| stack.keys_under("briefings/").unwrap().len()).join().unwrap()
        })
    };
    assert_eq!(runtime.block_on(contract::delivery_contract(&bucket, posts)), Ok(()));
    assert_eq!(bucket.channel(), "briefings bucket");

    let machine =
        StepFunctions::new(&connection, Some(stack.deployed().output("StateMachineArn").unwrap().to_owned()));
    let input = json!({ "run": "r", "tenant": "t", "depth": "quick", "timeout_seconds": 60 });
    assert_eq!(stack.block_on(contract::workflow_contract(&machine, input)), Ok(()));
    assert!(stack.block_on(machine.is_active()).unwrap());

    let health = super::healthy(&stack);
    let parts: Vec<&str> = health["parts"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(parts, ["redis", "secret"]);
}
