//! The table itself, as a definition. A template that makes it elsewhere must say the same.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata};
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};
use engine::error::{Error, ErrorKind, Result};

use super::errors::failed;

/// Makes the table, its two indexes and its expiry attribute. A table that is there already stays as it is.
///
/// Keys `pk`, `sk`; index `gsi1` on `gsi1pk`, `gsi1sk` with all attributes; index `due` on `due_shard`, `due_at` with
/// keys only; all of type string. Expiry by `ttl`, in seconds.
pub async fn create_table(client: &Client, table: &str) -> Result<()> {
    let mut request = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    for name in ["pk", "sk", "gsi1pk", "gsi1sk", "due_shard", "due_at"] {
        request = request.attribute_definitions(string(name).map_err(unbuilt)?);
    }
    for element in keys("pk", "sk").map_err(unbuilt)? {
        request = request.key_schema(element);
    }
    for (name, pk, sk, projection) in [
        ("gsi1", "gsi1pk", "gsi1sk", ProjectionType::All),
        ("due", "due_shard", "due_at", ProjectionType::KeysOnly),
    ] {
        request = request.global_secondary_indexes(index(name, pk, sk, projection).map_err(unbuilt)?);
    }
    match request.send().await {
        Ok(_) => {}
        Err(error)
            if error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception) => {}
        Err(error) => return Err(failed(error)),
    }
    let expiry =
        TimeToLiveSpecification::builder().attribute_name("ttl").enabled(true).build().map_err(unbuilt)?;
    let request = client.update_time_to_live().table_name(table).time_to_live_specification(expiry);
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) if error.message().is_some_and(|message| message.contains("already enabled")) => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

fn string(name: &str) -> std::result::Result<AttributeDefinition, BuildError> {
    AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()
}

fn keys(pk: &str, sk: &str) -> std::result::Result<[KeySchemaElement; 2], BuildError> {
    let element = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    Ok([element(pk, KeyType::Hash)?, element(sk, KeyType::Range)?])
}

fn index(
    name: &str,
    pk: &str,
    sk: &str,
    projection: ProjectionType,
) -> std::result::Result<GlobalSecondaryIndex, BuildError> {
    GlobalSecondaryIndex::builder()
        .index_name(name)
        .set_key_schema(Some(keys(pk, sk)?.into()))
        .projection(Projection::builder().projection_type(projection).build())
        .build()
}

fn unbuilt(error: BuildError) -> Error {
    Error::new(ErrorKind::Internal, "the table's definition cannot be built").because(error)
}
