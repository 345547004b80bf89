//! Bodies in every mode, as the door reads, judges and answers them: no input makes it panic or answer
//! 500, and nothing that it returns, logs or counts contains a value of the body.
//!
//! The first byte selects the mode. No broker is needed, as events are only checked.

use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use partner_feeds::config::{Config, Overrides};
use partner_feeds::door::{Door, create_token};
use partner_feeds::event::Micros;
use partner_feeds::reference::Reference;
use tokio::runtime::Runtime;

/// A value that seeds contain and nothing else does.
pub(crate) const CANARY: &str = "zqcanary7731";
/// After the time of every example.
const NOW: Micros = Micros(1_790_000_000 * Micros::PER_SECOND);
const CHECK: &str = "/v1/check?source=urn:partner:kent-police:crime&kind=crime";
const PARTNER: &str = "kent-police";

/// What the door logged since it was last taken.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Fuzzed {
    door: Arc<Door>,
    token: String,
    log: Log,
    runtime: Runtime,
}

static FUZZED: LazyLock<Fuzzed> = LazyLock::new(|| {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone());
    drop(subscriber.try_init());
    let reference = Reference::load(None).expect("built in");
    let expires = NOW.in_london().date();
    let token = create_token(&reference.partners, PARTNER, &[], expires, NOW).expect("a token");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tokens.toml");
    std::fs::write(&file, token.entry).expect("written");
    let overrides = Overrides::new(None)
        .with("kafka.brokers", Some("127.0.0.1:1"))
        .with("door.rate", Some(1_000_000))
        .with("door.tokens", Some(file.display()));
    let config = Config::load(&overrides).expect("settings");
    let door = Door::open(config.door, &config.kafka, Arc::new(reference), || NOW).expect("open");
    Fuzzed {
        door,
        token: token.secret,
        log,
        runtime: Runtime::new().expect("a runtime"),
    }
});

/// Returns the status of the answer; `None` if the input is not HTTP.
pub(crate) fn run(bytes: &[u8]) -> Option<u16> {
    let (mode, body) = bytes.split_first()?;
    let Fuzzed {
        door,
        token,
        log,
        runtime,
    } = &*FUZZED;
    let authorization = format!("Bearer {token}");
    let cookie = format!("door_token={token}");
    let mut headers = vec![
        ("authorization", authorization.as_bytes()),
        ("cookie", cookie.as_bytes()),
    ];
    let mut body = body;
    let (path, media_type) = match mode % 7 {
        0 => (CHECK, "application/cloudevents+json"),
        1 => (CHECK, "application/cloudevents-batch+json"),
        2 => (CHECK, "application/x-ndjson"),
        3 => (CHECK, "text/csv"),
        4 => ("/file", "multipart/form-data; boundary=x"),
        5 => {
            headers.push(("content-encoding", b"gzip"));
            (CHECK, "application/x-ndjson")
        }
        // Attributes in headers, up to an empty line.
        _ => {
            let end = body.windows(2).position(|pair| pair == b"\n\n");
            let (head, rest) = body.split_at(end.unwrap_or(0));
            for line in head.split(|byte| *byte == b'\n') {
                let colon = line.iter().position(|byte| *byte == b':').unwrap_or(0);
                let (name, value) = line.split_at(colon);
                let name = std::str::from_utf8(name).unwrap_or_default();
                if name.starts_with("ce-") {
                    headers.push((name, value.strip_prefix(b":").unwrap_or_default()));
                }
            }
            body = rest;
            (CHECK, "application/json")
        }
    };
    headers.push(("content-type", media_type.as_bytes()));
    log.take();
    let answered = runtime.block_on(door.answer("POST", path, &headers, body.to_vec()));
    let (status, text) = answered?;
    let expected = [200, 400, 413, 415, 422];
    assert!(
        expected.contains(&status) || (status == 503 && *mode % 7 == 4),
        "{status}: {text}"
    );
    let log = String::from_utf8_lossy(&log.take()).into_owned();
    for output in [text, log, door.exposition()] {
        assert!(!output.contains(CANARY), "a value is in {output}");
    }
    Some(status)
}
