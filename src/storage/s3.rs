//! A store in an S3 bucket, or on a server that speaks its protocol.
//!
//! It must not know what a store contains. Create-if-absent is a `PUT` with `If-None-Match: *`;
//! [`Store::probe`](super::Store::probe) checks that the server honours it.

use std::io;
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

/// The codes of an unknown access key: that of S3, and that of versitygw.
const UNKNOWN_KEY: [&str; 2] = ["InvalidAccessKeyId", "XAdminUserNotFound"];
/// The service of a cloud that the client asks for keys if it was given none.
const KEYS_SERVICE: &str = "169.254.169.254";

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

/// Whether the server does not know the access key. Some servers then answer as if a file were missing.
pub(super) fn is_key_unknown(error: &object_store::Error) -> bool {
    let text = error.to_string();
    UNKNOWN_KEY.iter().any(|code| text.contains(code))
}

/// What to change so that a request succeeds, if that is known: the setting, or the rights of the keys.
pub(super) fn advice(error: &object_store::Error, system: Option<&io::Error>) -> Option<String> {
    let text = error.to_string();
    let text = &*text;
    if text.contains(KEYS_SERVICE) {
        return Some(
            "there are no keys: set store.properties.access_key_id and \
             store.properties.secret_access_key"
                .to_owned(),
        );
    }
    let is_region = text.contains("incorrectly configured region")
        || text.contains("AuthorizationHeaderMalformed")
        || text.contains("InvalidRegion");
    if is_region {
        return Some(match region(text) {
            Some(region) => {
                format!(
                    "the server expects the region `{region}`: set store.properties.region to it"
                )
            }
            None => "the bucket is in another region: set store.properties.region to it".to_owned(),
        });
    }
    let code = element(text, "Code").unwrap_or_default();
    let advice = match code {
        "NoSuchBucket" => "the bucket does not exist: create it, or name another in store.root",
        code if UNKNOWN_KEY.contains(&code) => {
            "the server does not know the access key: correct store.properties.access_key_id"
        }
        "SignatureDoesNotMatch" => {
            "the secret does not fit the access key: correct store.properties.secret_access_key"
        }
        "RequestTimeTooSkewed" => {
            "the clock of this machine differs too much from the server's: set it"
        }
        "AccessDenied" => {
            "the server refuses these keys: correct store.properties.access_key_id, or give them the \
             rights to list, read, create and delete objects of the bucket"
        }
        _ if ["401 Unauthorized", "403 Forbidden"]
            .iter()
            .any(|status| text.contains(status)) =>
        {
            "the server refuses these keys: correct store.properties.access_key_id and \
             store.properties.secret_access_key"
        }
        _ => {
            let endpoint = origin(text).filter(|_| text.contains("error sending request"))?;
            let why = system.map_or_else(String::new, |error| format!(" ({error})"));
            return Some(format!(
                "no server answers at {endpoint}{why}: correct store.properties.endpoint, or start the \
                 server"
            ));
        }
    };
    Some(advice.to_owned())
}

/// The answer of a server without its XML, whose parts meant for people are kept.
pub(super) fn answer(error: &object_store::Error) -> String {
    let text = error.to_string();
    let status = text
        .split(['\n', '<'])
        .next()
        .unwrap_or_default()
        .trim_end_matches([' ', ':']);
    let parts = [
        Some(status),
        element(&text, "Code"),
        element(&text, "Message"),
    ];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    let entities = [
        ("&#34;", "\""),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&apos;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ];
    entities
        .iter()
        .fold(parts.join(": "), |text, (entity, sign)| {
            text.replace(entity, sign)
        })
}

/// The region that an answer names as the right one.
fn region(text: &str) -> Option<&str> {
    element(text, "Region").or_else(|| {
        let (_, rest) = text.split_once("expecting ")?;
        let rest = rest.trim_start_matches(|c: char| !c.is_ascii_lowercase());
        // `&#34;us-east-1&#34;` or `'us-east-1'`
        let rest = rest.strip_prefix("quot;").unwrap_or(rest);
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))?;
        Some(&rest[..end]).filter(|region| !region.is_empty())
    })
}

/// The scheme, host and port of the first address in a text.
fn origin(text: &str) -> Option<&str> {
    let start = text.find("http")?;
    let address = &text[start..];
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.find(['/', '?', ' ', ')', '"']).unwrap_or(rest.len());
    Some(&address[..scheme.len() + 3 + host])
}

/// The text of an XML element.
fn element<'t>(xml: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once('<')?.0)
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
    fn advice_names_the_setting() {
        let error = |text: &str| object_store::Error::Generic {
            store: "S3",
            source: text.to_owned().into(),
        };
        for (text, expected) in [
            (
                "Server returned non-2xx status code: 400 Bad Request: <Error><Code>\
                 AuthorizationHeaderMalformed</Code><Message>the region &#34;eu-west-2&#34; is wrong; \
                 expecting &#34;us-east-1&#34;</Message></Error>",
                "the server expects the region `us-east-1`: set store.properties.region to it",
            ),
            (
                "301: <Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-2</Region></Error>",
                "the server expects the region `eu-west-2`: set store.properties.region to it",
            ),
            (
                "Received redirect without LOCATION, this normally indicates an incorrectly configured \
                 region",
                "the bucket is in another region: set store.properties.region to it",
            ),
            (
                "404 Not Found: <Error><Code>NoSuchBucket</Code></Error>",
                "the bucket does not exist: create it, or name another in store.root",
            ),
            (
                "404 Not Found: <Error><Code>XAdminUserNotFound</Code></Error>",
                "the server does not know the access key: correct store.properties.access_key_id",
            ),
            (
                "Error performing PUT http://169.254.169.254/latest/api/token in 1s",
                "there are no keys: set store.properties.access_key_id and \
                 store.properties.secret_access_key",
            ),
        ] {
            assert_eq!(advice(&error(text), None).as_deref(), Some(expected));
        }
        let unreached = "Error performing GET http://127.0.0.1:1/bucket?list-type=2 in 1s, after 3 \
                         retries - HTTP error: error sending request";
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let found = advice(&error(unreached), Some(&refused)).expect("advice");
        assert!(
            found.starts_with("no server answers at http://127.0.0.1:1 (connection refused): "),
            "{found}"
        );
        let other =
            error("500: <Error><Code>InternalError</Code><Message>a &#34;b&#34;</Message></Error>");
        assert_eq!(advice(&other, None), None);
        assert!(
            answer(&other).ends_with("500: InternalError: a \"b\""),
            "{}",
            answer(&other)
        );
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
