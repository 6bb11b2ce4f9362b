//! Content, uploads and posts as objects of one bucket.
//!
//! `content/<tenant>/<digest>`, `uploads/<tenant>/<id>`, `briefings/<tenant>/<run>.txt`, with the tenant's name hashed,
//! so no name from outside is ever part of a key. Reading content verifies its digest.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use engine::error::{Error, ErrorKind, Result};
use engine::model::{ContentRef, TenantId};
use engine::ports::{Clock, ContentStore, Delivery, Post, UploadAddress};
use reqwest::{Client, Method, StatusCode, Url};
use rusty_s3::actions::{GetObject, PutObject, S3Action};
use rusty_s3::{Bucket, Credentials, UrlStyle};

use crate::Connection;

/// How long a signed request of this process holds.
const SIGNED: Duration = Duration::from_secs(60);
const CALL: Duration = Duration::from_secs(15);
/// Larger objects are none of the platform's.
const LARGEST_BYTES: u64 = 64 << 20;
const ATTEMPTS: u32 = 3;
const FIRST_WAIT_MS: u64 = 100;

/// One bucket.
#[derive(Clone)]
pub struct S3 {
    bucket: Arc<Bucket>,
    credentials: Arc<Credentials>,
    http: Client,
    caller: String,
    clock: Arc<dyn Clock>,
}

impl S3 {
    /// The bucket `name`. Kind `Configuration` if its address cannot be made.
    pub fn new(connection: &Connection, name: &str, clock: Arc<dyn Clock>) -> Result<Self> {
        let place = connection.place();
        let (endpoint, style) = match &place.endpoint {
            Some(endpoint) => (endpoint.clone(), UrlStyle::Path),
            None => (format!("https://s3.{}.amazonaws.com", place.region), UrlStyle::VirtualHost),
        };
        let wrong = |what: &str| Error::new(ErrorKind::Configuration, format!("the bucket {name}: {what}"));
        let endpoint = endpoint.parse().map_err(|error| wrong("no address").because(error))?;
        let bucket = Bucket::new(endpoint, style, name.to_owned(), place.region.clone())
            .map_err(|error| wrong("no address").because(error))?;
        let (id, secret) = (place.access_key_id.clone(), place.secret_access_key.clone());
        let credentials = match &place.session_token {
            Some(token) => Credentials::new_with_token(id, secret, token.clone()),
            None => Credentials::new(id, secret),
        };
        Ok(Self {
            bucket: Arc::new(bucket),
            credentials: Arc::new(credentials),
            http: connection.http().clone(),
            caller: format!("app/{}", place.caller),
            clock,
        })
    }

    async fn read(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let url = GetObject::new(&self.bucket, Some(&self.credentials), key).sign(SIGNED);
        self.ask(Method::GET, url, None, LARGEST_BYTES).await
    }

    async fn write(&self, key: &str, bytes: &[u8]) -> Result<()> {
        let url = PutObject::new(&self.bucket, Some(&self.credentials), key).sign(SIGNED);
        self.ask(Method::PUT, url, Some(bytes), LARGEST_BYTES).await.map(|_| ())
    }

    /// The answer's body; `None` for an object that is not there. What may be over in a moment is tried again.
    async fn ask(&self, method: Method, url: Url, body: Option<&[u8]>, most: u64) -> Result<Option<Vec<u8>>> {
        let mut attempt = 1;
        loop {
            let error = match self.ask_once(&method, &url, body, most).await {
                Err(error) if error.kind() == ErrorKind::Storage && attempt < ATTEMPTS => error,
                answered => return answered,
            };
            tracing::debug!(%error, attempt, "the bucket is asked again");
            self.clock.sleep(FIRST_WAIT_MS << attempt).await;
            attempt += 1;
        }
    }

    async fn ask_once(
        &self,
        method: &Method,
        url: &Url,
        body: Option<&[u8]>,
        most: u64,
    ) -> Result<Option<Vec<u8>>> {
        // An error must not tell the address: it is signed.
        let failed = |error: reqwest::Error| {
            Error::new(ErrorKind::Storage, "the bucket cannot be reached").because(error.without_url())
        };
        let request = self.http.request(method.clone(), url.clone()).timeout(CALL);
        let request = request.header(reqwest::header::USER_AGENT, &self.caller);
        let request = match body {
            Some(body) => request.body(body.to_vec()),
            None => request,
        };
        let answer = request.send().await.map_err(failed)?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() && answer.content_length().is_some_and(|length| length > most) => {
                Err(Error::new(ErrorKind::TooLarge, format!("the object has more than {most} bytes")))
            }
            status if status.is_success() => Ok(Some(answer.bytes().await.map_err(failed)?.to_vec())),
            StatusCode::FORBIDDEN => {
                Err(Error::new(ErrorKind::Configuration, "this function may not use this part of the bucket"))
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Err(Error::new(ErrorKind::Storage, format!("the bucket answered {status}")))
            }
            status => Err(Error::new(ErrorKind::Internal, format!("the bucket answered {status}"))),
        }
    }
}

#[async_trait]
impl ContentStore for S3 {
    async fn put(&self, tenant: &TenantId, bytes: &[u8]) -> Result<ContentRef> {
        let digest = blake3::hash(bytes).to_hex();
        self.write(&key("content", tenant, digest.as_str()), bytes).await?;
        Ok(ContentRef::new(digest))
    }

    async fn get(&self, tenant: &TenantId, content: &ContentRef) -> Result<Vec<u8>> {
        let absent = || Error::new(ErrorKind::NotFound, "there is no such content");
        if !is_plain(content.as_str()) {
            return Err(absent());
        }
        let bytes = self.read(&key("content", tenant, content.as_str())).await?.ok_or_else(absent)?;
        if blake3::hash(&bytes).to_hex().as_str() != content.as_str() {
            return Err(Error::new(ErrorKind::Storage, "stored content is damaged: hand it in again")
                .with("content", content));
        }
        Ok(bytes)
    }

    async fn upload_address(
        &self,
        tenant: &TenantId,
        upload: &str,
        holds_ms: u64,
    ) -> Result<Option<UploadAddress>> {
        let key = key("uploads", tenant, upload);
        let url =
            PutObject::new(&self.bucket, Some(&self.credentials), &key).sign(Duration::from_millis(holds_ms));
        Ok(Some(UploadAddress { url: url.into() }))
    }

    async fn uploaded(&self, tenant: &TenantId, upload: &str, most_bytes: u64) -> Result<Option<Vec<u8>>> {
        if !is_plain(upload) {
            return Ok(None);
        }
        let key = key("uploads", tenant, upload);
        let url = GetObject::new(&self.bucket, Some(&self.credentials), &key).sign(SIGNED);
        self.ask(Method::GET, url, None, most_bytes).await
    }
}

/// Posts are objects, one a run: posting twice is one post.
#[async_trait]
impl Delivery for S3 {
    fn channel(&self) -> &str {
        "briefings bucket"
    }

    async fn post(&self, post: &Post) -> Result<String> {
        let key = key("briefings", &post.run.tenant, &format!("{}.txt", post.run.run));
        self.write(&key, post.text.as_bytes()).await?;
        Ok(key)
    }
}

fn key(folder: &str, tenant: &TenantId, name: &str) -> String {
    let tenant = blake3::hash(tenant.as_str().as_bytes()).to_hex();
    format!("{folder}/{}/{name}", &tenant[..32])
}

/// Digests and ids: nothing a path could be led astray by.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.len() <= 128 && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_from_outside_is_part_of_a_key() {
        let key = key("content", &TenantId::new("../x"), "abc");
        assert!(!key.contains(".."), "{key}");
        for (name, expected) in
            [("01ABC", true), ("../a", false), ("", false), ("a/b", false), ("a.b", false)]
        {
            assert_eq!(is_plain(name), expected, "{name}");
        }
    }
}
