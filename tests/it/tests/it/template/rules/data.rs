//! What must outlive everything else.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::super::bundle::{Bundle, Resource};
use super::super::faults::{Faults, Rule};

pub(crate) const RULES: &[Rule] = &[
    Rule { name: "the table is the one that the store makes", look: table },
    Rule { name: "the table is paid by use", look: on_demand },
    Rule { name: "the table can be taken back to any second of the last days", look: point_in_time },
    Rule { name: "the table refuses to be deleted unless told otherwise", look: deletion_protection },
    Rule { name: "rows expire by the attribute that the store writes", look: expiry },
    Rule { name: "data outlives its stack", look: kept },
    Rule { name: "what can be made again goes with its stack", look: not_kept },
    Rule { name: "the bucket is nobody else's", look: private },
    Rule { name: "the bucket is encrypted", look: encrypted },
    Rule { name: "what is overwritten in the bucket can be had again", look: versions },
    Rule { name: "uploads, old versions and broken uploads go by themselves", look: lifecycle },
    Rule { name: "the bucket speaks TLS only", look: tls },
    Rule { name: "no secret stands in the template", look: empty_secret },
];

/// The table as the store itself makes it in its embedded engine, in the template's words.
fn made_by_the_store() -> &'static Value {
    static MADE: OnceLock<Value> = OnceLock::new();
    MADE.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let engine = store::Embedded::memory().unwrap();
            engine.store().await.unwrap();
            let client = engine.client();
            // The engine's own name for it; a store that is opened makes it.
            let described = client.describe_table().table_name("assay").send().await.unwrap();
            let table = described.table().unwrap().clone();
            let attributes = table.attribute_definitions().iter().map(|attribute| {
                json!({"AttributeName": attribute.attribute_name(), "AttributeType": attribute.attribute_type().as_str()})
            });
            let indexes = table.global_secondary_indexes().iter().map(|index| {
                let keys = index.key_schema().iter().map(|key| (key.attribute_name(), key.key_type().as_str()));
                let kind = index.projection().unwrap().projection_type().unwrap().as_str();
                json!({"IndexName": index.index_name(), "KeySchema": schema(keys), "Projection": {"ProjectionType": kind}})
            });
            let keys = table.key_schema().iter().map(|key| (key.attribute_name(), key.key_type().as_str()));
            json!({
                "AttributeDefinitions": sorted(attributes.collect()),
                "KeySchema": schema(keys),
                "GlobalSecondaryIndexes": sorted(indexes.collect()),
            })
        })
    })
}

fn schema<'a>(keys: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    keys.map(|(name, kind)| json!({"AttributeName": name, "KeyType": kind})).collect()
}

fn sorted(mut items: Vec<Value>) -> Value {
    items.sort_by_key(Value::to_string);
    Value::Array(items)
}

fn the_table<'a>(bundle: &'a Bundle, faults: &mut Faults) -> Option<Resource<'a>> {
    let tables: Vec<_> = bundle.of_kind("AWS::DynamoDB::Table").collect();
    faults.equal("tables", tables.len(), 1);
    tables.first().copied()
}

fn table(bundle: &Bundle, faults: &mut Faults) {
    let Some(table) = the_table(bundle, faults) else { return };
    for name in ["AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes"] {
        let actual = table.property(name).as_array().cloned().unwrap_or_default();
        let actual = if name == "KeySchema" { Value::Array(actual) } else { sorted(actual) };
        faults.equal(name, &actual, &made_by_the_store()[name]);
    }
}

fn on_demand(bundle: &Bundle, faults: &mut Faults) {
    let Some(table) = the_table(bundle, faults) else { return };
    faults.equal("billing", bundle.property(table, "BillingMode"), "PAY_PER_REQUEST");
}

fn point_in_time(bundle: &Bundle, faults: &mut Faults) {
    let Some(table) = the_table(bundle, faults) else { return };
    let actual = bundle.property(table, "PointInTimeRecoverySpecification");
    faults.equal("recovery", actual, "{PointInTimeRecoveryEnabled: true}");
}

fn deletion_protection(bundle: &Bundle, faults: &mut Faults) {
    let Some(table) = the_table(bundle, faults) else { return };
    faults.equal("protection", bundle.property(table, "DeletionProtectionEnabled"), "<DeletionProtection>");
}

fn expiry(bundle: &Bundle, faults: &mut Faults) {
    let Some(table) = the_table(bundle, faults) else { return };
    // The engine tells no expiry, so the store's own words are read.
    let store = include_str!("../../../../../../shared/store/src/dynamo/table.rs");
    let named = store.split_once("TimeToLiveSpecification::builder().attribute_name(\"").unwrap().1;
    let attribute = named.split('"').next().unwrap();
    let expected = format!("{{AttributeName: {attribute}, Enabled: true}}");
    faults.equal("expiry", bundle.property(table, "TimeToLiveSpecification"), expected);
}

/// What stays when its stack goes, and what becomes of it when its first creation fails. The table refuses to go then, so a
/// try would leave the stack half rolled back.
const KEPT: [(&str, &str); 4] = [
    ("Table", "Retain"),
    ("Bucket", "RetainExceptOnCreate"),
    ("Secret", "RetainExceptOnCreate"),
    ("Data", "RetainExceptOnCreate"),
];

fn policies(resource: Resource<'_>) -> [Option<&str>; 2] {
    ["DeletionPolicy", "UpdateReplacePolicy"].map(|policy| resource.body[policy].as_str())
}

fn kept(bundle: &Bundle, faults: &mut Faults) {
    for (id, deletion) in KEPT {
        let Some(resource) = bundle.resource(id) else {
            return faults.unless(false, format!("there is no {id}"));
        };
        faults.equal(id, policies(resource), [Some(deletion), Some("Retain")]);
    }
}

/// Said aloud where a resource holds something; elsewhere it is what AWS does by itself.
fn not_kept(bundle: &Bundle, faults: &mut Faults) {
    for resource in bundle.resources().filter(|resource| KEPT.iter().all(|(id, _)| *id != resource.id)) {
        let holds =
            ["AWS::Logs::LogGroup", "AWS::SecretsManager::Secret", "AWS::ElastiCache::ReplicationGroup"];
        let expected = if holds.contains(&resource.kind()) { [Some("Delete"); 2] } else { [None; 2] };
        faults.equal(resource.id, policies(resource), expected);
    }
}

fn bucket(bundle: &Bundle, name: &str) -> String {
    bundle.resource("Bucket").map(|bucket| bundle.property(bucket, name)).unwrap_or_default()
}

fn private(bundle: &Bundle, faults: &mut Faults) {
    let expected = "{BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true}";
    faults.equal("public access", bucket(bundle, "PublicAccessBlockConfiguration"), expected);
    let expected = "{Rules: [{ObjectOwnership: BucketOwnerEnforced}]}";
    faults.equal("ownership", bucket(bundle, "OwnershipControls"), expected);
}

fn encrypted(bundle: &Bundle, faults: &mut Faults) {
    let expected =
        "{ServerSideEncryptionConfiguration: [{ServerSideEncryptionByDefault: {SSEAlgorithm: AES256}}]}";
    faults.equal("encryption", bucket(bundle, "BucketEncryption"), expected);
}

fn versions(bundle: &Bundle, faults: &mut Faults) {
    faults.equal("versions", bucket(bundle, "VersioningConfiguration"), "{Status: Enabled}");
}

fn lifecycle(bundle: &Bundle, faults: &mut Faults) {
    let Some(bucket) = bundle.resource("Bucket") else { return };
    let rules = bucket.property("LifecycleConfiguration")["Rules"].as_array().into_iter().flatten();
    let rules = rules.map(|rule| bundle.text(bucket.file, rule));
    let expected = [
        "{ExpirationInDays: 1, Id: uploads-expire, Prefix: uploads/, Status: Enabled}",
        "{Id: old-versions-expire, NoncurrentVersionExpiration: {NoncurrentDays: 30}, Status: Enabled}",
        "{AbortIncompleteMultipartUpload: {DaysAfterInitiation: 1}, Id: unfinished-uploads-end, Status: Enabled}",
    ];
    faults.same("the bucket", rules, expected);
}

fn tls(bundle: &Bundle, faults: &mut Faults) {
    let Some(policy) = bundle.resource("BucketPolicy") else {
        return faults.unless(false, "the bucket has no policy");
    };
    let expected = "{Statement: [{Action: s3:*, Condition: {Bool: {aws:SecureTransport: false}}, Effect: Deny, Principal: *, \
                    Resource: [<Bucket.Arn>, <Bucket.Arn>/*], Sid: TlsOnly}], Version: 2012-10-17}";
    faults.equal("the policy", bundle.property(policy, "PolicyDocument"), expected);
    faults.equal("its bucket", bundle.property(policy, "Bucket"), "<Bucket>");
}

fn empty_secret(bundle: &Bundle, faults: &mut Faults) {
    let Some(secret) = bundle.resource("Secret") else { return };
    let text = secret.property("SecretString").as_str().unwrap_or_default();
    let keys: Value = serde_json::from_str(text).unwrap_or_default();
    faults.equal("the secret", keys, json!({"LLM_API_KEY": ""}));
}
