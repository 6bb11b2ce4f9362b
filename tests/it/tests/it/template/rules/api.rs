//! The HTTP API in front of its function.

use super::super::bundle::{Bundle, Resource};
use super::super::faults::{Faults, Rule};

pub(crate) const RULES: &[Rule] = &[
    Rule { name: "the API is an HTTP API of one integration, one route and one stage", look: parts },
    Rule { name: "the API hands requests to its function whole", look: integration },
    Rule {
        name: "the API waits as long as its function may take, and no longer than AWS lets it",
        look: patience,
    },
    Rule { name: "every path goes to the function, which checks the key itself", look: route },
    Rule { name: "the API limits how many requests come", look: throttling },
    Rule { name: "the API writes down each request, without keys or bodies", look: access_log },
    Rule { name: "only this API may call the function", look: permission },
];

fn resource<'a>(bundle: &'a Bundle, id: &str, faults: &mut Faults) -> Option<Resource<'a>> {
    let found = bundle.resource(id);
    faults.unless(found.is_some(), format!("there is no {id}"));
    found
}

fn parts(bundle: &Bundle, faults: &mut Faults) {
    let parts = bundle.resources().filter(|part| part.kind().starts_with("AWS::ApiGateway"));
    faults.same("the API", parts.map(|part| part.id), ["Api", "ApiIntegration", "ApiRoute", "ApiStage"]);
    let Some(api) = resource(bundle, "Api", faults) else { return };
    faults.equal("its kind", bundle.property(api, "ProtocolType"), "HTTP");
    faults.equal("its name", bundle.property(api, "Name"), "<AWS::StackName>");
}

fn integration(bundle: &Bundle, faults: &mut Faults) {
    let Some(integration) = resource(bundle, "ApiIntegration", faults) else { return };
    for (property, expected) in [
        ("ApiId", "<Api>"),
        ("IntegrationType", "AWS_PROXY"),
        ("IntegrationUri", "<ApiFunction.Arn>"),
        ("PayloadFormatVersion", "2.0"),
    ] {
        faults.equal(property, bundle.property(integration, property), expected);
    }
}

fn patience(bundle: &Bundle, faults: &mut Faults) {
    let Some(integration) = resource(bundle, "ApiIntegration", faults) else { return };
    let Some(function) = resource(bundle, "ApiFunction", faults) else { return };
    let milliseconds = integration.property("TimeoutInMillis").as_u64().unwrap_or_default();
    let timeout = function.property("Timeout").as_u64().unwrap_or(u64::MAX);
    let fits = milliseconds <= 30_000 && timeout.saturating_mul(1_000) < milliseconds;
    faults.unless(fits, format!("the API waits {milliseconds} ms for {timeout} s"));
}

fn route(bundle: &Bundle, faults: &mut Faults) {
    let Some(route) = resource(bundle, "ApiRoute", faults) else { return };
    for (property, expected) in [
        ("ApiId", "<Api>"),
        ("RouteKey", "$default"),
        ("AuthorizationType", "NONE"),
        ("Target", "integrations/<ApiIntegration>"),
    ] {
        faults.equal(property, bundle.property(route, property), expected);
    }
}

fn throttling(bundle: &Bundle, faults: &mut Faults) {
    let Some(stage) = resource(bundle, "ApiStage", faults) else { return };
    for (property, expected) in [
        ("ApiId", "<Api>"),
        ("StageName", "$default"),
        ("AutoDeploy", "true"),
        ("DefaultRouteSettings", "{ThrottlingBurstLimit: 100, ThrottlingRateLimit: 50}"),
    ] {
        faults.equal(property, bundle.property(stage, property), expected);
    }
}

fn access_log(bundle: &Bundle, faults: &mut Faults) {
    let Some(stage) = resource(bundle, "ApiStage", faults) else { return };
    let settings = stage.property("AccessLogSettings");
    faults.equal("its log", bundle.text(stage.file, &settings["DestinationArn"]), "<ApiAccessLog.Arn>");
    let format = settings["Format"].as_str().unwrap_or_default();
    let line: serde_json::Map<String, serde_json::Value> = serde_json::from_str(format).unwrap_or_default();
    let written = line.values().filter_map(serde_json::Value::as_str);
    let expected = [
        "$context.requestTime",
        "$context.requestId",
        "$context.identity.sourceIp",
        "$context.httpMethod",
        "$context.path",
        "$context.status",
        "$context.responseLatency",
        "$context.error.message",
    ];
    faults.same("a line", written, expected);
}

fn permission(bundle: &Bundle, faults: &mut Faults) {
    let permissions: Vec<_> = bundle.of_kind("AWS::Lambda::Permission").collect();
    faults.equal("permissions", permissions.len(), 1);
    for permission in permissions {
        for (property, expected) in [
            ("FunctionName", "<ApiFunction>"),
            ("Action", "lambda:InvokeFunction"),
            ("Principal", "apigateway.amazonaws.com"),
            ("SourceArn", "arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:<Api>/*"),
        ] {
            faults.equal(property, bundle.property(permission, property), expected);
        }
    }
}
