use axum::http::Request;

use super::*;

const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/SERVICE/aws4_request, SignedHeaders=host, Signature=0";

/// Method and path, service, target, body; then action, resource, and each permission as `action resource`.
fn check(request: &str, service: &str, target: &str, body: &str, expected: (&str, &str, &[&str], usize)) {
    let (method, uri) = request.split_once(' ').unwrap();
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header("authorization", SIGNED.replace("SERVICE", service))
        .header("user-agent", "aws-sdk-rust/1.3 os/linux app/assay-dev-agent-light lang/rust")
        .header("x-amz-target", target)
        .body(())
        .unwrap();
    let asked = Asked::read(&request.into_parts().0, body.as_bytes());
    let permissions: Vec<String> =
        asked.permissions.iter().map(|one| format!("{} {}", one.action, one.resource)).collect();
    let found: Vec<&str> = permissions.iter().map(String::as_str).collect();
    assert_eq!((asked.action.as_str(), asked.resource.as_str(), &found[..], asked.items), expected);
    assert_eq!((asked.service.as_str(), asked.function.as_deref()), (service, Some("agent-light")));
}

#[test]
fn requests_are_read_from_the_wire() {
    let transaction = r#"{"TransactItems":[{"Put":{"TableName":"t"}},{"ConditionCheck":{"TableName":"t"}},
        {"Put":{"TableName":"t"}},{"Update":{"TableName":"u"}}]}"#;
    check(
        "POST /",
        "dynamodb",
        "DynamoDB_20120810.TransactWriteItems",
        transaction,
        (
            "TransactWriteItems",
            "table/t",
            &[
                "dynamodb:ConditionCheckItem table/t",
                "dynamodb:PutItem table/t",
                "dynamodb:UpdateItem table/u",
            ],
            4,
        ),
    );
    check(
        "POST /",
        "dynamodb",
        "DynamoDB_20120810.BatchGetItem",
        r#"{"RequestItems":{"t":{"Keys":[{},{}]}}}"#,
        ("BatchGetItem", "table/t", &["dynamodb:BatchGetItem table/t"], 2),
    );
    check(
        "POST /",
        "dynamodb",
        "DynamoDB_20120810.Query",
        r#"{"TableName":"t","IndexName":"gsi1"}"#,
        ("Query", "table/t/index/gsi1", &["dynamodb:Query table/t/index/gsi1"], 1),
    );
    check(
        "POST /",
        "sqs",
        "AmazonSQS.SendMessage",
        r#"{"QueueUrl":"http://localhost:1/000000000000/runs"}"#,
        ("SendMessage", "runs", &["sqs:SendMessage runs"], 1),
    );
    check(
        "POST /",
        "states",
        "AWSStepFunctions.StopExecution",
        r#"{"executionArn":"arn:x"}"#,
        ("StopExecution", "arn:x", &["states:StopExecution arn:x"], 1),
    );
    check(
        "POST /",
        "states",
        "AWSStepFunctions.SendTaskSuccess",
        r#"{"taskToken":"t"}"#,
        ("SendTaskSuccess", "", &["states:SendTaskSuccess "], 1),
    );
    check(
        "PUT /bucket/content/a/b?x-id=PutObject",
        "s3",
        "",
        "",
        ("PutObject", "bucket/content/a/b", &["s3:PutObject bucket/content/a/b"], 1),
    );
    check("GET /bucket?list-type=2", "s3", "", "", ("ListObjectsV2", "bucket", &["s3:ListBucket bucket"], 1));
    check(
        "POST /2015-03-31/functions/x-fetch/invocations",
        "lambda",
        "",
        "",
        ("Invoke", "x-fetch", &["lambda:InvokeFunction x-fetch"], 1),
    );
}

#[test]
fn a_presigned_address_names_its_service_and_nobody_is_no_function() {
    let uri = "/bucket/uploads/a?X-Amz-Credential=test%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=0";
    let (parts, ()) = Request::builder().method("PUT").uri(uri).body(()).unwrap().into_parts();
    let asked = Asked::read(&parts, b"");
    assert_eq!((asked.service.as_str(), asked.action.as_str(), asked.function), ("s3", "PutObject", None));
}
