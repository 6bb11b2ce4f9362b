//! What requests without a target ask for, by method and path.

use axum::http::Method;
use axum::http::request::Parts;

type Named = (String, Vec<(String, String)>);

/// An S3 operation on `/BUCKET/KEY`.
pub(super) fn s3(parts: &Parts) -> Named {
    let path = parts.uri.path().trim_start_matches('/');
    let query = parts.uri.query().unwrap_or_default();
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    let (operation, permission) = match (&parts.method, key.is_empty()) {
        (&Method::GET, false) => ("GetObject", "GetObject"),
        (&Method::HEAD, false) => ("HeadObject", "GetObject"),
        (&Method::PUT, false) if has("partNumber") => ("UploadPart", "PutObject"),
        (&Method::PUT, false) if parts.headers.contains_key("x-amz-copy-source") => {
            ("CopyObject", "PutObject")
        }
        (&Method::PUT, false) => ("PutObject", "PutObject"),
        (&Method::DELETE, false) => ("DeleteObject", "DeleteObject"),
        (&Method::POST, true) if has("delete") => ("DeleteObjects", "DeleteObject"),
        (&Method::GET, true) if has("location") => ("GetBucketLocation", "GetBucketLocation"),
        (&Method::GET, true) => ("ListObjectsV2", "ListBucket"),
        (&Method::HEAD, true) => ("HeadBucket", "ListBucket"),
        _ => return (plain(parts), Vec::new()),
    };
    let resource = if key.is_empty() { bucket.to_owned() } else { format!("{bucket}/{key}") };
    (operation.to_owned(), vec![(permission.to_owned(), resource)])
}

/// A Lambda operation on `/2015-03-31/functions/NAME/...`.
pub(super) fn lambda(parts: &Parts) -> Named {
    let mut segments = parts.uri.path().trim_start_matches('/').split('/').skip(1);
    let (kind, name, what) = (segments.next(), segments.next().unwrap_or_default(), segments.next());
    let name = name.replace("%3A", ":");
    match (kind, what, &parts.method) {
        (Some("functions"), Some("invocations"), &Method::POST) => {
            ("Invoke".to_owned(), vec![("InvokeFunction".to_owned(), name)])
        }
        _ => (plain(parts), vec![(plain(parts), name)]),
    }
}

/// Method and path, where nothing better is known.
pub(super) fn plain(parts: &Parts) -> String {
    format!("{} {}", parts.method, parts.uri.path())
}
