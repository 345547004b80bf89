//! A store in an S3 bucket, or on a server that speaks its protocol.
//!
//! It must not know what a store contains. Create-if-absent is a `PUT` with `If-None-Match: *`;
//! [`Store::probe`](super::Store::probe) checks that the server honours it.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, ObjectStore, RetryConfig};

use super::{Result, StorageError};

/// The longest that one request may take: enough for the largest file on a slow line.
const REQUEST_MAX: Duration = Duration::from_mins(2);
/// The longest that connecting may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// The longest that the client retries by itself. Callers know the protocol, and settle the rest.
const RETRY_MAX: Duration = Duration::from_secs(20);
/// The most retries of one request.
const RETRIES_MAX: usize = 3;

/// Whether the client has a property of this name, with or without the prefix `aws_`.
pub fn is_property(name: &str) -> bool {
    AmazonS3ConfigKey::from_str(name).is_ok_and(|key| !matches!(key, AmazonS3ConfigKey::Bucket))
}

/// The bucket that a URL names, or the part of it under a prefix.
pub(super) fn open<'p>(
    url: &str,
    properties: impl IntoIterator<Item = (&'p str, &'p str)>,
) -> Result<Arc<dyn ObjectStore>> {
    let path = url
        .strip_prefix("s3://")
        .unwrap_or_default()
        .trim_end_matches('/');
    let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
    if bucket.is_empty() {
        return Err(StorageError::Url(url.to_owned()));
    }
    let prefix = super::parse(prefix)?;
    // One provider of cryptography per process; another caller may have installed it already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = ClientOptions::new()
        .with_timeout(REQUEST_MAX)
        .with_connect_timeout(CONNECT_MAX);
    let retry = RetryConfig {
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_MAX,
        ..RetryConfig::default()
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_client_options(client)
        .with_retry(retry)
        .with_conditional_put(S3ConditionalPut::ETagMatch);
    for (name, value) in properties {
        let key = AmazonS3ConfigKey::from_str(name).map_err(|error| invalid(url, &error))?;
        if matches!(key, AmazonS3ConfigKey::Endpoint) && value.starts_with("http://") {
            builder = builder.with_allow_http(true);
        }
        builder = builder.with_config(key, value);
    }
    let store = builder.build().map_err(|error| invalid(url, &error))?;
    Ok(Arc::new(PrefixStore::new(store, prefix)))
}

fn invalid(url: &str, error: &object_store::Error) -> StorageError {
    StorageError::Properties {
        root: url.to_owned(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_recognised_by_name() {
        for name in [
            "endpoint",
            "aws_region",
            "access_key_id",
            "secret_access_key",
            "aws_session_token",
        ] {
            assert!(is_property(name), "{name}");
        }
        for name in ["", "bucket", "aws_bucket_name", "password", "profile"] {
            assert!(!is_property(name), "{name}");
        }
    }

    #[test]
    fn a_url_names_a_bucket_and_errors_contain_no_secret() {
        let keys = [
            ("access_key_id", "a"),
            ("secret_access_key", "hidden"),
            ("endpoint", "http://127.0.0.1:9"),
        ];
        open("s3://bucket/a/b/", keys).expect("a store");
        open("s3://bucket", keys).expect("a store");
        for url in ["s3://", "s3:///a", "gs://bucket"] {
            let error = open(url, keys).expect_err("refused");
            assert!(matches!(error, StorageError::Url(_)), "{error}");
        }
        let error = open("s3://bucket", [("sse_customer_key", "hidden")]).expect_err("refused");
        assert!(!format!("{error:?}").contains("hidden"), "{error:?}");
    }
}
