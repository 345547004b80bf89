//! The door over HTTP, with librdkafka's mock cluster as the broker.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::LazyLock;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::tokens::create;
use super::*;
use crate::contract::record::partner_of;
use crate::hex;
use crate::kit::examples::{EXAMPLES, attribute, bad_records, example};
use crate::properties::Properties;
use crate::publish::lines::OtherForm;

mod feedback;

/// After the time of every example.
const NOW: Micros = Micros(1_790_000_000 * Micros::PER_SECOND);

static REFERENCE: LazyLock<Arc<Reference>> =
    LazyLock::new(|| Arc::new(Reference::load(None).expect("built in")));

/// An open door and its broker, until it is dropped.
struct OpenDoor {
    cluster: MockCluster<'static, DefaultProducerContext>,
    door: Arc<Door>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    runtime: Option<tokio::runtime::Runtime>,
    /// Tokens by partner.
    tokens: BTreeMap<String, String>,
    expired: String,
    folder: tempfile::TempDir,
}

/// An answer of the door.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{self:?}"))
    }

    #[track_caller]
    fn with_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// The problem of an answer: its status and the last part of its type.
    fn problem(&self) -> (u16, String) {
        let problem = self.json()["type"].as_str().unwrap_or_default().to_owned();
        (self.status, problem.replace("/problems/", ""))
    }
}

impl OpenDoor {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut DoorSettings)) -> Self {
        let cluster = MockCluster::new(1).expect("a cluster");
        for topic in REFERENCE.partners.topics() {
            cluster.create_topic(&topic.name, 3, 1).expect("a topic");
        }
        let kafka = KafkaSettings {
            brokers: cluster.bootstrap_servers(),
            group: String::new(),
            topics: Vec::new(),
            dead_letter_topic: None,
            session_timeout: None,
            properties: Properties::default(),
        };
        let folder = tempfile::tempdir().expect("folder");
        let sources = EXAMPLES
            .iter()
            .map(|(_, document)| attribute(document, "source"));
        let sources: Vec<String> = sources.map(|source| source.expect("a source")).collect();
        let partner_names: BTreeSet<&str> =
            sources.iter().map(|source| partner_of(source)).collect();
        let (mut tokens, mut file) = (BTreeMap::new(), String::new());
        let expires = NOW.plus_seconds(86_400).in_london().date();
        for partner in partner_names {
            let token = create(&REFERENCE.partners, partner, &[], expires, NOW).expect("a token");
            file.push_str(&token.entry);
            tokens.insert(partner.to_owned(), token.secret);
        }
        let past = NOW.plus_seconds(-30 * 86_400);
        let yesterday = NOW.plus_seconds(-86_400).in_london().date();
        let old_token =
            create(&REFERENCE.partners, "kent-police", &[], yesterday, past).expect("a token");
        file.push_str(&old_token.entry);
        std::fs::write(folder.path().join("tokens.toml"), file).expect("written");
        let mut settings = DoorSettings {
            listen: "127.0.0.1:0".to_owned(),
            tls: None,
            store: None,
            tokens: folder.path().join("tokens.toml"),
            body_bytes: 1 << 20,
            events: 1_000,
            memory_bytes: 32 << 20,
            connections: 64,
            requests: 16,
            rate: 1_000_000,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(1),
            shutdown_timeout: Duration::from_secs(10),
            message_timeout: Duration::from_secs(20),
        };
        change(&mut settings);
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let (stop, stopped) = oneshot::channel::<()>();
        let tls = settings.tls.clone();
        let door = Door::open(settings, &kafka, Arc::clone(&REFERENCE), || NOW).expect("open");
        let listener = runtime
            .block_on(Listener::bind("127.0.0.1:0", tls.as_ref()))
            .expect("bound");
        let address = listener.address().expect("an address");
        runtime.spawn(listener.serve(Arc::clone(&door), async { drop(stopped.await) }));
        Self {
            cluster,
            door,
            address,
            stop: Some(stop),
            runtime: Some(runtime),
            tokens,
            expired: old_token.secret,
            folder,
        }
    }

    fn token(&self, partner: &str) -> &str {
        &self.tokens[partner]
    }

    /// Sends a request and reads the answer.
    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).expect("connected");
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: door\r\nConnection: close\r\n");
        let lines: Vec<String> = headers
            .iter()
            .map(|(name, value)| {
                format!(
                    "{name}: {value}
"
                )
            })
            .collect();
        head.push_str(&lines.concat());
        if headers.iter().all(|(name, _)| *name != "Content-Length") {
            head = format!(
                "{head}Content-Length: {}
",
                body.len()
            );
        }
        stream
            .write_all(format!("{head}\r\n").as_bytes())
            .expect("written");
        // The door reads a body that it refused, too.
        stream.write_all(body).expect("written");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok();
        let answer = String::from_utf8(answer).expect("UTF-8");
        let (head, text) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head[9..12].parse().expect("a status");
        Answer {
            status,
            head: head.to_lowercase(),
            text: text.to_owned(),
        }
    }

    /// Posts a body as a partner.
    fn post(&self, path: &str, partner: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let authorization = format!("Bearer {}", self.token(partner));
        let mut all = vec![("Authorization", &*authorization)];
        all.extend(headers);
        self.request("POST", path, &all, body)
    }

    fn post_lines(&self, partner: &str, body: &str) -> Answer {
        let lines = [("Content-Type", "application/x-ndjson")];
        self.post("/v1/events", partner, &lines, body.as_bytes())
    }

    /// Posts the form of the page with a file of homelessness cases.
    fn post_file(&self, action: &str, file: &str, site: &str) -> Answer {
        let cookie = format!("other=1; door_token={}", self.token("maidstone-bc"));
        let source = attribute(example("homelessness-case"), "source").expect("a source");
        let records = format!("{source} homelessness-case");
        let fields = [("records", &*records), ("action", action)];
        let headers = [
            ("Cookie", &*cookie),
            ("Sec-Fetch-Site", site),
            ("Content-Type", "multipart/form-data; boundary=x"),
        ];
        self.request("POST", "/file", &headers, form(&fields, file).as_bytes())
    }

    /// The key, the value and the content type of the record at a result's coordinates.
    fn record_at(&self, result: &Value) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        let consumer: BaseConsumer = rdkafka::ClientConfig::new()
            .set("bootstrap.servers", self.cluster.bootstrap_servers())
            .set("group.id", "test")
            .create()
            .expect("a consumer");
        let (topic, partition) = (result["topic"].as_str(), result["partition"].as_i64());
        let mut list = TopicPartitionList::new();
        let offset = Offset::Offset(result["offset"].as_i64().expect("an offset"));
        list.add_partition_offset(
            topic.expect("a topic"),
            partition.expect("a partition") as i32,
            offset,
        )
        .expect("an offset");
        consumer.assign(&list).expect("assigned");
        let message = consumer
            .poll(Duration::from_secs(30))
            .expect("in time")
            .expect("a record");
        let headers = message.headers().expect("headers");
        assert_eq!((headers.count(), headers.get(0).key), (1, "content-type"));
        (
            message.key().expect("a key").to_vec(),
            message.payload().expect("a value").to_vec(),
            headers.get(0).value.expect("a value").to_vec(),
        )
    }
}

impl Drop for OpenDoor {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A value laid out as the cells of a table, by dotted name.
fn cells(name: &str, value: &Value, cells: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(field, value)| {
            let prefix = if name.is_empty() {
                String::new()
            } else {
                format!("{name}.")
            };
            self::cells(&format!("{prefix}{field}"), value, cells);
        }),
        Value::Array(items) if items.is_empty() => cells.push((name.to_owned(), "[]".to_owned())),
        Value::Array(items) => {
            let items: Vec<&str> = items
                .iter()
                .map(|item| item.as_str().expect("a text"))
                .collect();
            cells.push((name.to_owned(), items.join(";")));
        }
        Value::String(text) => cells.push((name.to_owned(), text.clone())),
        other => cells.push((name.to_owned(), other.to_string())),
    }
}

/// An example as a table, and the address it is posted to.
fn as_table(path: &str, kind: &str, document: &str) -> (String, String) {
    let event: Value = serde_json::from_str(document).expect("JSON");
    let mut row = Vec::new();
    for name in ["subject", "revision", "time"] {
        cells(name, &event[name], &mut row);
    }
    cells("", &event["data"], &mut row);
    let (headers, values): (Vec<String>, Vec<String>) = row.into_iter().unzip();
    let source = event["source"].as_str().expect("a source");
    let table = format!(
        "\u{feff}{}\r\n\"{}\"\r\n",
        headers.join(","),
        values.join("\",\"")
    );
    (format!("{path}?source={source}&kind={kind}"), table)
}

#[test]
fn every_example_is_sent_in_each_mode_with_the_bytes_and_key_of_publish() {
    let door = OpenDoor::new();
    for (kind, document) in EXAMPLES.iter() {
        let source = attribute(document, "source").expect("a source");
        let partner = partner_of(&source);
        let subject = attribute(document, "subject").expect("a subject");
        let check = |headers: &[(&str, &str)], path: &str, body: &[u8]| {
            let answer = door.post(path, partner, headers, body).with_status(200);
            assert!(!answer.text.contains(&subject), "{answer:?}");
            let result = answer.json()["results"][0].clone();
            assert_eq!(result["outcome"], "sent", "{result}");
            let (key, value, content_type) = door.record_at(&result);
            assert_eq!(key, subject.as_bytes());
            assert_eq!(content_type, crate::publish::CONTENT_TYPE.as_bytes());
            String::from_utf8(value).expect("UTF-8")
        };
        let json = |media_type: &str, body: &str| {
            check(
                &[("Content-Type", media_type)],
                "/v1/events",
                body.as_bytes(),
            )
        };
        assert_eq!(
            json("application/cloudevents+json; charset=utf-8", document),
            *document
        );
        assert_eq!(
            json(
                "application/cloudevents-batch+json",
                &format!("[\n {document}]")
            ),
            *document
        );
        assert_eq!(
            json("application/x-ndjson", &format!("\n{document}\r\n")),
            *document
        );

        let start = document.find(r#""data":"#).expect("data") + 7;
        let event: Value = serde_json::from_str(document).expect("JSON");
        let mut headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        for (name, value) in event.as_object().expect("an object") {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            headers
                .extend((name != "data").then(|| (format!("CE-{name}"), text.replace('.', "%2E"))));
        }
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, text)| (&**name, &**text))
            .collect();
        let data = &document[start..document.len() - 1];
        assert_eq!(check(&headers, "/v1/events", data.as_bytes()), *document);

        let (path, table) = as_table("/v1/events", kind, document);
        let value = check(&[("Content-Type", "text/csv")], &path, table.as_bytes());
        let mut expected = event.clone();
        expected["id"] = format!("{subject}.{}", event["revision"]).into();
        assert_eq!(
            serde_json::from_str::<Value>(&value).expect("JSON"),
            expected
        );
    }
}

#[test]
fn every_bad_input_is_refused_as_check_refuses_it() {
    let door = OpenDoor::new();
    let all = REFERENCE
        .partners
        .topics()
        .flat_map(|topic| REFERENCE.partners.sources(&topic.name));
    let all: BTreeSet<String> = all.map(str::to_owned).collect();
    let (mut tried, mut key) = ([0; 3], Vec::new());
    for bad in bad_records() {
        // Only documents that fit into a body: headers and keys are Kafka's.
        let is_document = |value: &Vec<u8>| (1..1 << 20).contains(&value.len());
        let value = bad.value.filter(is_document);
        let Some(value) = value.filter(|_| bad.headers.is_empty()) else {
            continue;
        };
        let verdict = Checker::new(&REFERENCE, NOW)
            .limited_to(&all)
            .check(&value, &mut key);
        let Err(rejection) = verdict else {
            continue; // only as a record of Kafka
        };
        let rejection = (
            rejection.reason.as_str(),
            &*rejection.pointer,
            &*rejection.rule,
        );
        let partner = if attribute(&String::from_utf8_lossy(&value), "source")
            .is_some_and(|source| source.starts_with("urn:partner:maidstone-bc:"))
        {
            "maidstone-bc"
        } else {
            "kent-police"
        };
        let mut compare = |mode: usize, media_type: &str, body: &[u8]| {
            let answer = door.post("/v1/check", partner, &[("Content-Type", media_type)], body);
            let result = answer.with_status(422).json()["results"][0].clone();
            let text = |name: &str| result[name].as_str().expect("a text").to_owned();
            let (reason, pointer, rule) = (text("reason"), text("pointer"), text("rule"));
            // Another partner's source is refused before what is wrong with its event.
            if reason == "envelope.source" && rejection.0 != "envelope.source" {
                return;
            }
            assert_eq!((&*reason, &*pointer, &*rule), rejection);
            tried[mode] += 1;
        };
        compare(0, "application/cloudevents+json", &value);
        let is_line = !value.contains(&b'\n') && !value.ends_with(b"\r");
        if is_line && OtherForm::from_start(&value).is_none() {
            compare(1, "application/x-ndjson", &value);
        }
        // Spaces around an event are not part of it in an array.
        let is_bare = value == value.trim_ascii();
        if is_bare && serde_json::from_slice::<&serde_json::value::RawValue>(&value).is_ok() {
            let batch = [b"[", &value[..], b"]"].concat();
            compare(2, "application/cloudevents-batch+json", &batch);
        }
    }
    assert!(tried.iter().all(|count| *count > 50), "{tried:?}");
}

#[test]
fn a_body_in_another_form_is_named_with_what_to_do() {
    let door = OpenDoor::new();
    let crime = example("crime");
    let indented = serde_json::from_str::<Value>(crime).expect("JSON");
    let indented = serde_json::to_string_pretty(&indented).expect("JSON");
    let refused = |path: &str, media_type: &str, body: &str| {
        let headers = [("Content-Type", media_type)];
        let answer = door.post(path, "kent-police", &headers, body.as_bytes());
        let problem = answer.with_status(400).json();
        problem["detail"].as_str().expect("a text").to_owned()
    };
    let array = format!("[{crime}]");
    for (body, advice) in [
        (&*indented, "write each event on one line"),
        (&*array, "application/cloudevents-batch+json"),
        ("subject,revision\nh-1,1\n", "send it as text/csv"),
    ] {
        let detail = refused("/v1/check", "application/x-ndjson", body);
        assert!(detail.contains(advice), "{detail}");
    }
    // One damaged line is refused by itself.
    let with_a_damaged_line = format!("{},\n{crime}\n", &crime[..40]);
    let answer = door.post_lines("kent-police", &with_a_damaged_line);
    let answer = answer.with_status(422).json();
    assert_eq!(
        (&answer["sent"], &answer["refused"]),
        (&1.into(), &1.into())
    );
    for (kind, advice) in [
        ("crimes", "; did you mean `crime`?"),
        ("table", "; known: crime, incident"),
    ] {
        let path = format!("/v1/check?source=urn:partner:kent-police:records&kind={kind}");
        let detail = refused(&path, "text/csv", "subject,revision\nh-1,1\n");
        assert!(detail.contains(advice), "{detail}");
    }
}

#[test]
fn another_partners_source_is_refused_as_one_that_is_not_registered() {
    let door = OpenDoor::new();
    let crime = example("crime");
    let refused = |document: &str| {
        let answer = door.post_lines("maidstone-bc", document).with_status(422);
        answer.json()["results"].clone()
    };
    let other = refused(crime);
    assert_eq!(other[0]["reason"], "envelope.source");
    assert_eq!(
        other,
        refused(&crime.replace("kent-police", "no-such-police"))
    );
    assert_eq!(door.post_lines("kent-police", crime).status, 200);
}

#[test]
fn the_status_is_as_bad_as_the_worst_outcome_and_the_others_are_sent() {
    let door = OpenDoor::new();
    let crime = example("crime");
    let wrong = crime.replace("\"revision\":", "\"revision\":-");
    let lines = format!("{crime}\n\n{wrong}\n");
    let answer = door.post_lines("kent-police", &lines).with_status(422);
    assert!(
        answer
            .head
            .contains("content-type: application/problem+json"),
        "{answer:?}"
    );
    let report = answer.json();
    assert_eq!(report["type"], "/problems/refused");
    assert_eq!(
        report["title"],
        "1 of 2 events was refused; the others were sent"
    );
    assert_eq!(
        (&report["sent"], &report["refused"]),
        (&1.into(), &1.into())
    );
    let results = &report["results"];
    assert_eq!(
        (&results[0]["outcome"], &results[0]["line"]),
        (&"sent".into(), &1.into())
    );
    assert_eq!(
        (&results[1]["outcome"], &results[1]["line"]),
        (&"refused".into(), &3.into())
    );
    assert_eq!(results[1]["pointer"], "/revision");

    let prefer = |text: &str| {
        let headers = [("Content-Type", "application/x-ndjson"), ("Prefer", text)];
        door.post("/v1/events", "kent-police", &headers, lines.as_bytes())
    };
    let minimal = prefer("return=minimal").with_status(422).json();
    assert_eq!(minimal["results"].as_array().map(Vec::len), Some(1));
    let before = door.door.metrics.exposition();
    let strict = prefer("handling=strict, return=minimal")
        .with_status(409)
        .json();
    assert_eq!(strict["type"], "/problems/strict");
    assert_eq!(
        (&strict["sent"], &strict["refused"]),
        (&0.into(), &1.into())
    );
    let sent = |text: &str| {
        let series = "partner_feeds_door_events_total{partner=\"kent-police\",outcome=\"sent\"} ";
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        line.expect("counted").parse::<u64>().expect("a number")
    };
    assert_eq!(sent(&before), 2);
    assert_eq!(sent(&door.door.metrics.exposition()), 2);
}

#[test]
fn a_token_that_is_missing_unknown_or_expired_has_the_same_answer() {
    let door = OpenDoor::new();
    let ask = |headers: &[(&str, &str)]| door.request("GET", "/v1/whoami", headers, b"");
    let none = ask(&[]).with_status(401);
    assert!(none.head.contains("www-authenticate: bearer"), "{none:?}");
    for token in [
        &door.expired,
        "pf_kent-police_x",
        door.token("kent-police").trim_end_matches(|_| true),
    ] {
        let answer = ask(&[("Authorization", &format!("Bearer {token}"))]).with_status(401);
        assert_eq!(answer.text, none.text);
    }
    let token = format!("Bearer {}", door.token("maidstone-bc"));
    let known = ask(&[("Authorization", &token), ("X-Request-Id", "mine")]).with_status(200);
    assert!(known.head.contains("x-request-id: mine"), "{known:?}");
    assert_eq!(known.json()["partner"], "maidstone-bc");
    std::fs::write(door.folder.path().join("tokens.toml"), "").expect("written");
    door.door.tokens.reload(NOW);
    assert_eq!(
        ask(&[("Authorization", &token)]).status,
        200,
        "a file without tokens is a fault"
    );
    std::fs::write(door.folder.path().join("tokens.toml"), "token = []").expect("written");
    door.door.tokens.reload(NOW);
    assert_eq!(ask(&[("Authorization", &token)]).status, 401, "revoked");
}

#[test]
fn a_body_that_cannot_be_divided_or_exceeds_a_limit_is_refused_as_a_whole() {
    let door = OpenDoor::new();
    let refuse = |headers: &[(&str, &str)], path: &str, body: &[u8]| {
        door.post(path, "kent-police", headers, body).problem()
    };
    let lines = ("Content-Type", "application/x-ndjson");
    let events = |body: &[u8]| refuse(&[lines], "/v1/events", body);
    let problem = |status: u16, name: &str| (status, name.to_owned());
    assert_eq!(
        events(&vec![b'x'; (1 << 20) + 1]),
        problem(413, "too-large")
    );
    assert_eq!(
        events("{}\n".repeat(1_001).as_bytes()),
        problem(413, "too-large")
    );
    assert_eq!(events(&vec![b'x'; 3 << 20]), problem(413, "too-large"));
    assert_eq!(events(b"\n\n"), problem(400, "body"));
    let batch = [("Content-Type", "application/cloudevents-batch+json")];
    assert_eq!(refuse(&batch, "/v1/events", b"{}"), problem(400, "body"));
    assert_eq!(refuse(&batch, "/v1/events", b"[{}"), problem(400, "body"));
    assert_eq!(
        refuse(&batch, "/v1/events", b"[{}] 1"),
        problem(400, "body")
    );
    let many = format!("[{}0]", "0,".repeat(1_000));
    assert_eq!(
        refuse(&batch, "/v1/events", many.as_bytes()),
        problem(413, "too-large")
    );
    let unsupported = problem(415, "media-type");
    for media_type in ["text/plain", "application/json", "application/vnd.ms-excel"] {
        assert_eq!(
            refuse(&[("Content-Type", media_type)], "/v1/events", b"{}"),
            unsupported
        );
    }
    assert_eq!(
        refuse(&[lines, ("Content-Encoding", "br")], "/v1/events", b"{}"),
        unsupported
    );
    assert_eq!(events(b"PK\x03\x04"), unsupported);

    let gzip = [lines, ("Content-Encoding", "gzip")];
    let pack = |body: &[u8]| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(body).expect("packed");
        packed.finish().expect("packed")
    };
    let bomb = pack(&vec![b' '; 20 << 20]);
    assert!(bomb.len() < 30_000);
    assert_eq!(
        refuse(&gzip, "/v1/events", &bomb),
        problem(413, "too-large")
    );
    assert_eq!(refuse(&gzip, "/v1/events", b"{}"), problem(400, "body"));
    assert_eq!(
        refuse(&gzip, "/v1/events", &pack(b"{}")),
        problem(422, "refused")
    );

    let slow = refuse(&[lines, ("Content-Length", "9")], "/v1/events", b"{}");
    assert_eq!(slow, problem(408, "slow"));
    assert_eq!(
        door.request("GET", "/v1/events", &[], b"").problem(),
        problem(405, "method")
    );
    assert_eq!(
        door.request("GET", "/v2", &[], b"").problem(),
        problem(404, "not-found")
    );
}

#[test]
fn a_table_is_refused_for_its_headers_and_a_cell_by_row_and_column() {
    let door = OpenDoor::new();
    let case = example("homelessness-case");
    let source = attribute(case, "source").expect("a source");
    let post = |text: &str| {
        let (path, table) = as_table("/v1/check", "homelessness-case", case);
        let table = text.replace("{table}", &table);
        let csv = [("Content-Type", "text/csv")];
        door.post(&path, partner_of(&source), &csv, table.as_bytes())
    };
    let (_, table) = as_table("", "homelessness-case", case);
    let (header, row) = table.split_once("\r\n").expect("two lines");
    post("{table}").with_status(200);
    let wrong = post(&format!("{{table}}{}", row.replacen("\"2", "\"04/02/2", 1))).with_status(422);
    let result = wrong.json()["results"][1].clone();
    assert_eq!(
        (&result["line"], &result["outcome"]),
        (&3.into(), &"refused".into())
    );
    assert!(
        result["column"].is_string() && result["column_letters"].is_string(),
        "{result}"
    );
    let two = row
        .replacen("\"2", "\"04/02/2", 1)
        .replace("2018-05-21", "21/05/2018");
    let wrong = post(&format!("{header}\r\n{two}")).with_status(422).json();
    let more = &wrong["results"][0]["more"][0];
    assert!(
        more["column"].is_string() && more["rule"].is_string(),
        "{wrong}"
    );
    let unknown = row.replace("\"domestic-abuse\"", "\"domestic-abus\"");
    let checked = post(&format!("{header}\r\n{unknown}")).with_status(200);
    let field = &checked.json()["unknown_code_fields"][0];
    assert_eq!(field["nearest"], "domestic-abuse", "{checked:?}");
    assert_eq!(field["lines"][0], 2);
    assert!(field["column_letters"].is_string() && !checked.text.contains("abus\""));
    let without = "revision\r\n1\r\n";
    let missing = post(without).with_status(422);
    assert!(
        missing.text.contains("add the column `subject`"),
        "{missing:?}"
    );
    assert!(!missing.text.contains("`id`"), "{missing:?}");
    let separated = post("subject;revision\r\na;1\r\n").with_status(400);
    assert!(
        separated.text.contains("save it with commas"),
        "{separated:?}"
    );
    for broken in [
        format!("{header},surname\r\n"),
        format!("{header},subject\r\n"),
        format!("{header}\r\n{},x\r\n", row.trim()),
        format!("{header},\r\n{},canary\r\n", row.trim()),
    ] {
        let answer = post(&broken).with_status(400);
        assert!(
            !answer.text.contains("surname") && !answer.text.contains("canary"),
            "{answer:?}"
        );
    }
    let template = door
        .request("GET", "/v1/kinds/homelessness-case.csv", &[], b"")
        .with_status(200);
    for name in header.trim_start_matches('\u{feff}').split(',') {
        assert!(
            template
                .text
                .trim_end()
                .split(',')
                .any(|known| known == name),
            "{name}"
        );
    }
    let of_another_kind = door.request("GET", "/schemas/tables/crime.csv", &[], b"");
    let answer = post(&of_another_kind.text).with_status(400);
    assert!(
        answer.text.contains("fields of crime, so choose that kind"),
        "{answer:?}"
    );
    let meanings = door.request("GET", "/schemas/tables/crime-crosswalk.csv", &[], b"");
    assert_eq!(
        meanings.text,
        include_str!("../../schemas/tables/crime-crosswalk.csv")
    );
    let schema = door.request("GET", "/schemas/homelessness-case.schema.json", &[], b"");
    assert_eq!(
        schema.text,
        include_str!("../../schemas/homelessness-case.schema.json")
    );
}

#[test]
fn events_that_no_broker_confirms_are_unknown_and_may_be_sent_again() {
    let door = OpenDoor::with(|settings| settings.message_timeout = Duration::from_secs(2));
    let crime = example("crime");
    door.post_lines("kent-police", crime).with_status(200);
    door.cluster.broker_down(1).expect("down");
    let answer = door.post_lines("kent-police", crime).with_status(503);
    assert!(answer.head.contains("retry-after: "), "{answer:?}");
    assert_eq!(answer.problem().1, "unsent");
    assert_eq!(
        (&answer.json()["unknown"], &answer.json()["sent"]),
        (&1.into(), &0.into())
    );
    door.cluster.broker_up(1).expect("up");
    let deadline = Instant::now() + Duration::from_mins(1);
    while door.post_lines("kent-police", crime).status != 200 {
        assert!(Instant::now() < deadline, "the broker is up again");
    }
}

#[test]
fn a_request_whose_client_went_away_is_completed() {
    let door = OpenDoor::new();
    let crime = example("crime");
    let mut stream = TcpStream::connect(door.address).expect("connected");
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: door\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n{crime}",
        door.token("kent-police"),
        crime.len()
    );
    let delay = Duration::from_millis(500);
    door.cluster
        .broker_round_trip_time(1, delay)
        .expect("slowed");
    stream.write_all(head.as_bytes()).expect("written");
    let deadline = Instant::now() + Duration::from_secs(30);
    let await_that = |what: &str, holds: &dyn Fn() -> bool| {
        while !holds() {
            assert!(Instant::now() < deadline, "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    await_that("read", &|| door.door.limits.has_counted("kent-police"));
    assert_eq!(door.door.limits.requests(), 1);
    drop(stream);
    let sent = "partner_feeds_door_events_total{partner=\"kent-police\",outcome=\"sent\"} 1\n";
    await_that("sent", &|| door.door.metrics.exposition().contains(sent));
    await_that("ended", &|| door.door.limits.requests() == 0);
}

#[test]
fn a_fatal_error_of_the_producer_is_unknown_and_the_next_request_is_sent() {
    let door = OpenDoor::new();
    let crime = example("crime");
    door.post_lines("kent-police", crime).with_status(200);
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    let cluster = &door.cluster;
    cluster.request_errors(RDKafkaApiKey::Produce, &[error]);
    let answer = door.post_lines("kent-police", crime).with_status(503);
    assert_eq!(answer.problem().1, "unsent");
    assert!(door.door.sender.has_fatal_error());
    let began = Instant::now();
    door.post_lines("kent-police", crime).with_status(200);
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert!(!door.door.sender.has_fatal_error());
}

#[test]
fn a_client_that_sends_no_headers_is_disconnected() {
    let door = OpenDoor::with(|settings| settings.header_timeout = Duration::from_secs(1));
    for start in ["", "POST /v1/events HTTP/1.1\r\nHost:"] {
        let mut stream = TcpStream::connect(door.address).expect("connected");
        stream.write_all(start.as_bytes()).expect("written");
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .expect("set");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("closed by the door");
    }
}

#[test]
fn the_door_listens_without_tls_only_for_this_machine() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let bind =
        |address: &str, tls: Option<&TlsSettings>| runtime.block_on(Listener::bind(address, tls));
    assert!(matches!(
        bind("0.0.0.0:0", None),
        Err(ServeError::Unencrypted { .. })
    ));
    assert!(bind("127.0.0.1:0", None).is_ok());
    let taken = bind("127.0.0.1:0", None).expect("bound");
    let address = taken.address().expect("an address").to_string();
    assert!(matches!(
        bind(&address, None),
        Err(ServeError::Listen { .. })
    ));
    let folder = tempfile::tempdir().expect("folder");
    let files = TlsSettings {
        certificate: folder.path().join("door.pem"),
        key: folder.path().join("door.key"),
        client_ca: None,
        identification: Identification::Token,
    };
    std::fs::write(&files.certificate, "no PEM").expect("written");
    assert!(matches!(
        bind("0.0.0.0:0", Some(&files)),
        Err(ServeError::Pem { .. })
    ));
}

/// An authority, and certificates that it signed, as PEM files of a folder.
struct Certificates(tempfile::TempDir);

impl Certificates {
    fn new() -> Self {
        let certificates = Self(tempfile::tempdir().expect("folder"));
        certificates.make("ca", &["basicConstraints=critical,CA:TRUE"], false);
        certificates
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// Makes a certificate with extensions, signed by the authority or by itself.
    fn make(&self, name: &str, extensions: &[&str], is_signed: bool) {
        let mut openssl = std::process::Command::new("openssl");
        openssl.current_dir(self.0.path());
        openssl.args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ]);
        openssl.args(["-noenc", "-days", "30", "-subj", &format!("/CN={name}")]);
        openssl.args([
            "-keyout",
            &format!("{name}.key"),
            "-out",
            &format!("{name}.pem"),
        ]);
        for extension in extensions {
            openssl.args(["-addext", extension]);
        }
        if is_signed {
            openssl.args(["-CA", "ca.pem", "-CAkey", "ca.key"]);
        }
        let made = openssl.output().expect("openssl runs");
        assert!(made.status.success(), "{made:?}");
    }

    /// Makes a certificate of the authority that is valid for names.
    fn sign(&self, name: &str, dns_names: &[&str]) {
        let names: Vec<String> = dns_names.iter().map(|name| format!("DNS:{name}")).collect();
        let names = format!("subjectAltName={}", names.join(","));
        self.make(name, &["basicConstraints=critical,CA:FALSE", &names], true);
    }

    fn certificate(&self, name: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.path(&format!("{name}.pem"))).expect("PEM")
    }

    /// The settings of a door with the certificate `door`.
    fn tls(&self, identification: Option<Identification>) -> TlsSettings {
        self.sign("door", &["localhost"]);
        TlsSettings {
            certificate: self.path("door.pem"),
            key: self.path("door.key"),
            client_ca: identification.map(|_| self.path("ca.pem")),
            identification: identification.unwrap_or_default(),
        }
    }

    /// The status and the text of the answer to `whoami`; `None` if the door refuses the connection.
    fn whoami(
        &self,
        door: &OpenDoor,
        client: Option<&str>,
        token: Option<&str>,
    ) -> Option<(u16, String)> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate("ca")).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let config = match client {
            None => config.with_no_client_auth(),
            Some(name) => {
                let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}.key")));
                let chain = vec![self.certificate(name)];
                config
                    .with_client_auth_cert(chain, key.expect("PEM"))
                    .expect("a pair")
            }
        };
        let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
        let request = format!(
            "GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}\r\n",
            authorization.unwrap_or_default()
        );
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let stream = tokio::net::TcpStream::connect(door.address)
                .await
                .expect("connected");
            let name = ServerName::try_from("localhost").expect("a name");
            let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
            let mut stream = connector.connect(name, stream).await.expect("a handshake");
            // The door judges the client's certificate after the client's handshake is over.
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.ok();
            let answer = String::from_utf8(answer).expect("UTF-8");
            let (head, text) = answer.split_once("\r\n\r\n")?;
            Some((head[9..12].parse().expect("a status"), text.to_owned()))
        })
    }
}

#[test]
fn events_are_accepted_over_tls() {
    let certificates = Certificates::new();
    let tls = certificates.tls(None);
    let door = OpenDoor::with(|settings| settings.tls = Some(tls));
    let answer = certificates.whoami(&door, None, Some(door.token("kent-police")));
    assert_eq!(answer.expect("an answer").0, 200);
}

#[test]
fn a_partner_is_identified_by_its_token_its_certificate_or_both() {
    let certificates = Certificates::new();
    certificates.sign("kent", &["feeds.kent.example"]);
    certificates.sign("maidstone", &["www.maidstone.example"]);
    certificates.sign("two", &["feeds.kent.example", "feeds.mtw.example"]);
    certificates.sign("stranger", &["stranger.example"]);
    let names = [
        "basicConstraints=critical,CA:FALSE",
        "subjectAltName=DNS:feeds.kent.example",
    ];
    certificates.make("outsider", &names, false);
    let digest = hex::sha256(certificates.certificate("maidstone"));
    let expires = NOW.plus_seconds(86_400).in_london().date();
    let entries = format!(
        "[[certificate]]\nid = 'kent'\npartner = 'kent-police'\ndns_name = 'Feeds.Kent.example'\nexpires = {expires}\n\
         sources = ['urn:partner:kent-police:crime']\n\
         [[certificate]]\nid = 'mtw'\npartner = 'mtw-nhs'\ndns_name = 'feeds.mtw.example'\nexpires = {expires}\n\
         [[certificate]]\nid = 'maidstone'\npartner = 'maidstone-bc'\nsha256 = '{digest}'\nexpires = {expires}\n"
    );
    let check = |identification: Identification,
                 expected: &[(Option<&str>, Option<&str>, Option<u16>)]| {
        let tls = certificates.tls(Some(identification));
        let door = OpenDoor::with(|settings| {
            settings.tls = Some(tls);
            let tokens = std::fs::read_to_string(&settings.tokens).expect("readable");
            std::fs::write(&settings.tokens, format!("{tokens}{entries}")).expect("written");
        });
        for (client, partner, status) in expected {
            let token =
                partner.map(|partner| door.tokens.get(partner).map_or("pf_unknown", |token| token));
            let answer = certificates.whoami(&door, *client, token);
            let given = format!("{identification:?} {client:?} {partner:?} {answer:?}");
            assert_eq!(
                answer.as_ref().map(|(status, _)| *status),
                *status,
                "{given}"
            );
            if *client == Some("kent") && *status == Some(200) {
                let known: Value =
                    serde_json::from_str(&answer.expect("an answer").1).expect("JSON");
                assert_eq!(known["partner"], "kent-police");
                assert_eq!(
                    known["sources"].as_array().map(Vec::len),
                    Some(1),
                    "{given}"
                );
            }
        }
    };
    let (kent, maidstone) = (Some("kent-police"), Some("maidstone-bc"));
    let unknown = Some("unknown");
    let answered = [
        (None, kent, Some(200)),
        (Some("kent"), None, Some(401)),
        (Some("kent"), kent, Some(200)),
        (Some("kent"), maidstone, Some(403)),
        (Some("stranger"), kent, Some(200)),
        (Some("outsider"), kent, None),
    ];
    check(Identification::Token, &answered);
    let answered = [
        (None, kent, None),
        (Some("kent"), None, Some(200)),
        (Some("kent"), kent, Some(200)),
        (Some("kent"), maidstone, Some(403)),
        (Some("kent"), unknown, Some(401)),
        (Some("maidstone"), None, Some(200)),
        (Some("stranger"), None, Some(401)),
        (Some("stranger"), kent, Some(401)),
        (Some("two"), None, Some(403)),
        (Some("outsider"), None, None),
    ];
    check(Identification::Certificate, &answered);
    let answered = [
        (None, kent, None),
        (Some("kent"), None, Some(401)),
        (Some("kent"), kent, Some(200)),
        (Some("kent"), maidstone, Some(403)),
        (Some("stranger"), kent, Some(401)),
    ];
    check(Identification::Both, &answered);
}

#[test]
fn a_stop_completes_the_request_under_way() {
    let mut door = OpenDoor::new();
    let crime = example("crime");
    let mut stream = TcpStream::connect(door.address).expect("connected");
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: door\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
        door.token("kent-police"),
        crime.len()
    );
    stream.write_all(head.as_bytes()).expect("written");
    let deadline = Instant::now() + Duration::from_secs(30);
    while door.door.limits.requests() == 0 {
        assert!(Instant::now() < deadline, "not admitted");
        std::thread::sleep(Duration::from_millis(5));
    }
    door.stop.take().expect("once").send(()).expect("open");
    while !door.door.is_stopping() {
        assert!(Instant::now() < deadline, "not stopping");
        std::thread::sleep(Duration::from_millis(5));
    }
    stream.write_all(crime.as_bytes()).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("read");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(TcpStream::connect(door.address).is_err());
}

/// A form with a file, as a browser posts it.
fn form(fields: &[(&str, &str)], file: &str) -> String {
    let with_file = [("file\"; filename=\"a.csv", file)];
    let parts = fields.iter().chain(&with_file).map(|(name, value)| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    });
    let form: String = parts.collect();
    form + "--x--\r\n"
}

#[test]
fn a_person_signs_in_checks_a_table_and_sends_it_without_a_script() {
    let door = OpenDoor::new();
    let start = door.request("GET", "/", &[], b"").with_status(200);
    assert!(start.text.contains("name=\"token\"") && !start.text.contains("<script"));
    assert!(
        start
            .head
            .contains("content-security-policy: default-src 'none'"),
        "{start:?}"
    );
    let sign_in = |token: &str, site: &str| {
        let headers = [("Sec-Fetch-Site", site)];
        door.request(
            "POST",
            "/sign-in",
            &headers,
            format!("token={token}").as_bytes(),
        )
    };
    let wrong = sign_in("pf_kent-police_x", "same-origin").with_status(401);
    assert!(wrong.text.contains("role=\"alert\"") && wrong.text.contains("<title>Error: "));
    sign_in(door.token("maidstone-bc"), "cross-site").with_status(401);
    let signed_in = sign_in(door.token("maidstone-bc"), "same-origin").with_status(303);
    assert!(
        signed_in.head.contains("; httponly; samesite=strict"),
        "{signed_in:?}"
    );

    let cookie = format!("other=1; door_token={}", door.token("maidstone-bc"));
    let page = door
        .request("GET", "/", &[("Cookie", &cookie)], b"")
        .with_status(200);
    assert!(page.text.contains("Maidstone Borough Council"));
    assert!(
        page.text
            .contains(">Homelessness applications (hclic)</option>")
    );
    assert!(
        !page.text.contains(">Recorded crimes"),
        "a kind of another feed"
    );

    let case = example("homelessness-case");
    let (_, table) = as_table("", "homelessness-case", case);
    let row = table.lines().nth(1).expect("a row");
    let wrong_row = row.replacen("\"2", "\"4/2/2", 1);
    let table = format!("{table}{wrong_row}\r\n{wrong_row}\r\n");
    let post = |action: &str, file: &str| door.post_file(action, file, "same-origin");
    let source = attribute(case, "source").expect("a source");
    let checked = post("check", &table).with_status(422);
    assert!(
        checked.text.contains("2 of 3 events would be refused"),
        "{checked:?}"
    );
    assert!(checked.text.contains(">3, 4</td>"), "{checked:?}");
    assert!(
        checked
            .text
            .contains(&format!("\"{source} homelessness-case\" selected>"))
    );
    assert!(!checked.text.contains("4/2/2"), "{checked:?}");
    let subject = attribute(case, "subject").expect("a subject");
    assert!(!checked.text.contains(&subject), "{checked:?}");
    let sent = post("send", &table).with_status(422);
    assert!(
        sent.text
            .contains("2 of 3 events were refused; the others were sent"),
        "{sent:?}"
    );
    let needs = case.replacen(
        "\"support_needs\":[",
        "\"support_needs\":[\"no-such-need\",",
        1,
    );
    assert_ne!(needs, case, "the example has needs");
    let unknown = post("check", &needs).with_status(200);
    assert!(
        unknown.text.contains("not a code of hclic-need@"),
        "{unknown:?}"
    );
    assert!(!unknown.text.contains("no-such-need"));
    let good = post("send", case).with_status(200);
    assert!(good.text.contains("1 of 1 event was sent"), "{good:?}");
    let events = "partner_feeds_door_events_total{partner=\"maidstone-bc\",outcome=\"sent\"} 2";
    assert!(door.door.metrics.exposition().contains(events));
}

#[test]
fn a_form_without_a_file_or_from_another_site_is_refused() {
    let door = OpenDoor::new();
    let post = |file: &str, site: &str| door.post_file("send", file, site);
    let empty = post("", "same-origin").with_status(400);
    assert!(empty.text.contains("choose a file that is not empty"));
    let unknown = post("a<b>,c\n1,2\n", "same-origin").with_status(400);
    assert!(
        unknown
            .text
            .contains("column A has a header that is not a field")
    );
    post("a", "cross-site").with_status(401);
    let cookie = format!("door_token={}", door.token("maidstone-bc"));
    let out = door
        .request("POST", "/sign-out", &[("Cookie", &cookie)], b"")
        .with_status(303);
    assert!(
        out.head.contains("door_token=; ") && out.head.contains("max-age=0"),
        "{out:?}"
    );
}

#[test]
fn the_documents_of_the_api_list_every_route_and_describe_every_answer() {
    let door = OpenDoor::new();
    let served = |path: &str| door.request("GET", path, &[], b"").with_status(200).json();
    let openapi = served("/openapi.json");
    assert_eq!(openapi, documents::openapi(&door.door.settings));
    let topics = served("/asyncapi.json");
    assert_eq!(topics, documents::asyncapi(&REFERENCE.partners));
    let paths = openapi["paths"].as_object().expect("paths");
    let mut listed = BTreeSet::new();
    for (path, methods) in paths {
        for method in methods.as_object().expect("methods").keys() {
            let address = path.replace("{file}", "crime.csv");
            let answer = door.request(&method.to_uppercase(), &address, &[], b"");
            assert_ne!(answer.status, 405, "{method} {path}");
            assert!(
                !answer.text.contains("see the page for partners"),
                "{method} {path}"
            );
            listed.insert((method.as_str(), path.as_str()));
        }
    }
    let api = routes::ROUTES
        .iter()
        .filter(|route| route.operation.is_some());
    let routes: BTreeSet<_> = api.map(|route| (route.method, route.path)).collect();
    assert_eq!(listed, routes);

    let is_described = |method: &str, path: &str, answer: &Answer| {
        let mut root = openapi.clone();
        let responses = &openapi["paths"][path][method]["responses"];
        let content = &responses[answer.status.to_string()]["content"];
        let contents: Vec<_> = content
            .as_object()
            .expect("a documented status")
            .iter()
            .collect();
        let (media_type, schema) = contents[0];
        assert!(
            answer.head.contains(&format!("content-type: {media_type}")),
            "{answer:?}"
        );
        root["$ref"] = schema["schema"]["$ref"].clone();
        let schema = jsonschema::validator_for(&root).expect("a schema");
        let faults: Vec<String> = schema
            .iter_errors(&answer.json())
            .map(|fault| fault.to_string())
            .collect();
        assert_eq!(faults, [""; 0], "{answer:?}");
    };
    let crime = example("crime");
    let wrong = crime.replace("\"revision\":", "\"revision\":-");
    let sent = door.post_lines("kent-police", crime).with_status(200);
    is_described("post", "/v1/events", &sent);
    let refused = door.post_lines("kent-police", &wrong).with_status(422);
    is_described("post", "/v1/events", &refused);
    let empty = door.post_lines("kent-police", "").with_status(400);
    is_described("post", "/v1/events", &empty);
    let unknown = door.request("GET", "/v1/whoami", &[], b"").with_status(401);
    is_described("get", "/v1/whoami", &unknown);
    let token = format!("Bearer {}", door.token("kent-police"));
    let known = door.request("GET", "/v1/whoami", &[("Authorization", &token)], b"");
    is_described("get", "/v1/whoami", &known);
}

#[test]
fn every_source_is_sent_only_with_a_token_of_it_and_to_the_feed_of_its_topic() {
    let door = OpenDoor::with(|settings| {
        let one = ["urn:partner:kent-police:crime".to_owned()];
        let expires = NOW.plus_seconds(86_400).in_london().date();
        let token =
            create(&REFERENCE.partners, "kent-police", &one, expires, NOW).expect("a token");
        let tokens = std::fs::read_to_string(&settings.tokens).expect("readable");
        std::fs::write(&settings.tokens, format!("{tokens}{}", token.entry)).expect("written");
        std::fs::write(settings.tokens.with_extension("narrow"), token.secret).expect("written");
        (settings.events, settings.body_bytes, settings.memory_bytes) = (10_000, 8 << 20, 64 << 20);
    });
    let narrow =
        std::fs::read_to_string(door.folder.path().join("tokens.narrow")).expect("readable");
    let mut tokens: Vec<(&str, &str, bool)> = door
        .tokens
        .iter()
        .map(|(partner, token)| (&**partner, &**token, false))
        .collect();
    tokens.push(("kent-police", &narrow, true));
    let (mut tried, mut sent) = (0, 0);
    let partners = &REFERENCE.partners;
    for (partner, token, is_narrow) in tokens {
        let mut lines = Vec::new();
        let mut expected = Vec::new();
        for topic in partners.topics() {
            for source in partners.sources(&topic.name) {
                for (kind, example) in EXAMPLES.iter() {
                    let kind = Kind::from_name(kind).expect("a kind");
                    let own = attribute(example, "source").expect("a source");
                    let own_type = attribute(example, "type").expect("a type");
                    let feed_of_type = own_type.split('.').nth(2).expect("a feed");
                    lines.push(example.replacen(&own, source, 1));
                    let may_send = partner_of(source) == partner
                        && (!is_narrow || source == "urn:partner:kent-police:crime");
                    let is_of_feed = topic.feed.as_str() == feed_of_type;
                    assert!(kind.feed().is_none_or(|feed| feed.as_str() == feed_of_type));
                    expected.push(may_send && is_of_feed);
                }
            }
        }
        let headers = [
            ("Authorization", &*format!("Bearer {token}")),
            ("Content-Type", "application/x-ndjson"),
        ];
        let answer = door
            .request("POST", "/v1/events", &headers, lines.join("\n").as_bytes())
            .json();
        for (index, expected) in expected.into_iter().enumerate() {
            let result = &answer["results"][index];
            assert!(result.is_object(), "{}", answer["detail"]);
            let is_sent = result["outcome"] == "sent";
            let reason = result["reason"].as_str().unwrap_or_default();
            // A source may not have the lists of a kind, which is refused for another reason.
            assert!(
                !is_sent || expected,
                "{partner} {is_narrow}: {}",
                lines[index]
            );
            assert!(
                is_sent || !expected || reason != "envelope.source",
                "{partner}: {}",
                lines[index]
            );
            assert!(
                is_sent || expected || reason == "envelope.source",
                "{partner}: {reason} {}",
                lines[index]
            );
            tried += 1;
            sent += usize::from(is_sent);
        }
    }
    assert!(tried > 500 && sent > 10, "{tried} {sent}");
}
