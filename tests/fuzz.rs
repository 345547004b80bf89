//! The targets of `fuzz/` without the fuzzer: real files, changed blindly, for as many seconds as
//! `PARTNER_FEEDS_TEST_FUZZ_SECONDS` sets. `fuzz/run` looks at what each change reaches, and takes
//! longer to build.

#[path = "../fuzz/src/door.rs"]
mod door;
#[path = "../fuzz/src/event.rs"]
mod event;
#[path = "../fuzz/src/ledger.rs"]
mod ledger;
#[path = "../fuzz/src/settings.rs"]
mod settings;
#[path = "../fuzz/src/tripwire.rs"]
mod tripwire;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Hands changed seeds to a target until the time is over, others in each run; the input of a panic
/// is kept.
fn hand(target: &str, run: impl Fn(&[u8]), seeds: &[Vec<u8>]) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test reads the environment itself"
    )]
    let seconds = std::env::var("PARTNER_FEEDS_TEST_FUZZ_SECONDS").ok();
    let seconds = seconds.map_or(1, |text| text.parse().expect("a number of seconds"));
    let until = Instant::now() + Duration::from_secs(seconds);
    assert!(!seeds.is_empty());
    for seed in seeds {
        run(seed);
    }
    let mut random = ChaCha8Rng::seed_from_u64(partner_feeds::storage::random());
    let mut handed = 0;
    while Instant::now() < until {
        let bytes = changed(&mut random, seeds);
        if catch_unwind(AssertUnwindSafe(|| run(&bytes))).is_err() {
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{target}-panics"));
            std::fs::write(&kept, &bytes).expect("written");
            panic!("{target} panics on {}", kept.display());
        }
        handed += 1;
    }
    println!("{target}: {handed} inputs");
}

/// A seed with some changes: bits, bytes, numbers, pieces left out, doubled or of another seed.
fn changed(random: &mut ChaCha8Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut below = |n: usize| (random.next_u64() % n.max(1) as u64) as usize;
    let mut bytes = seeds[below(seeds.len())].clone();
    for _ in 0..=below(5) {
        let (at, other) = (below(bytes.len()), &seeds[below(seeds.len())]);
        let end = (at + below(64)).min(bytes.len());
        match below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << below(8),
            1 if at < bytes.len() => bytes[at] = below(256) as u8,
            2 => drop(bytes.drain(at..end)),
            3 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            4 => bytes.truncate(at),
            5 => {
                let from = below(other.len());
                let to = (from + below(64)).min(other.len());
                drop(bytes.splice(at..end, other[from..to].iter().copied()));
            }
            _ => {
                let words: [&[u8]; 8] = [
                    b"-1",
                    b"0",
                    b"99999999999999999999",
                    b"null",
                    b"\"",
                    b"{",
                    b"\xff\xff\xff\xff",
                    b"1e309",
                ];
                drop(bytes.splice(
                    at..end.min(at + 4),
                    words[below(words.len())].iter().copied(),
                ));
            }
        }
    }
    bytes
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn examples() -> Vec<Vec<u8>> {
    let entries = root("schemas/examples")
        .read_dir()
        .expect("a folder")
        .map(|entry| entry.expect("listed").path());
    let files = entries.filter(|path| !path.ends_with("refused.json"));
    files
        .map(|path| {
            std::fs::read(path)
                .expect("an example")
                .trim_ascii_end()
                .to_vec()
        })
        .collect()
}

/// Every Parquet file of a partition, in a folder and below it.
fn files(folder: &Path, found: &mut Vec<Vec<u8>>) {
    for path in folder
        .read_dir()
        .expect("a folder")
        .map(|entry| entry.expect("listed").path())
    {
        if path.is_dir() {
            files(&path, found);
        } else if path.to_string_lossy().contains("/partition=") {
            found.push(std::fs::read(path).expect("a file"));
        }
    }
}

#[test]
fn decoder_and_schema_agree_on_any_event() {
    hand("event", event::run, &examples());
}

/// An example with a canary in the place of each text in turn, and as the name of a field.
fn with_canary(document: &str) -> Vec<String> {
    let canary =
        |text: &str| document.replacen(&format!("\"{text}\""), &format!("\"{}\"", door::CANARY), 1);
    document.split('"').skip(1).step_by(2).map(canary).collect()
}

/// Bodies of the door in each mode; the first byte selects it.
fn door_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let mut add = |mode: u8, body: &[u8]| seeds.push([&[mode], body].concat());
    for example in examples() {
        let example = String::from_utf8(example).expect("UTF-8");
        for document in with_canary(&example) {
            add(0, document.as_bytes());
            add(1, format!("[{document},{example}]").as_bytes());
            add(2, format!("{example}\n{document}\n").as_bytes());
        }
    }
    let table = "subject,revision,time,what.list,what.category,when.occurred_from,flags.alcohol\n\
                 c-1,1,2017-02-05T09:15:00Z,ho-crime,8N,2017-02-04,true\n";
    for text in [
        "c-1",
        "2017-02-05T09:15:00Z",
        "ho-crime",
        "8N",
        "2017-02-04",
        "true",
        "flags.alcohol",
        "subject",
    ] {
        let table = table.replacen(text, door::CANARY, 1);
        add(3, table.as_bytes());
        let fields = [
            ("records", "urn:partner:kent-police:crime crime"),
            ("action", "check"),
            ("file", &table),
        ];
        let parts = fields.map(|(name, value)| {
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        });
        add(4, (parts.concat() + "--x--\r\n").as_bytes());
    }
    for example in examples() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, &example).expect("packed");
        add(5, &packed.finish().expect("packed"));
    }
    let head = "ce-specversion:1.0\nce-id:c-1.1\nce-source:urn:partner:kent-police:crime\n\
                ce-type:uk.community-safety.police.crime.v1\nce-subject:c-1\nce-revision:1\n\
                ce-time:2017-02-05T09:15:00Z\nce-traceparent:a\n\n";
    let data = r#"{"what":{"list":"ho-crime","category":"8N"},"when":{"occurred_from":"2017-02"}}"#;
    for text in [
        "1.0",
        "c-1.1",
        "urn:partner:kent-police:crime",
        "c-1\n",
        ":1\n",
        ":a\n",
        "traceparent",
    ] {
        let head = head.replacen(text.trim_matches([':', '\n']), door::CANARY, 1);
        add(6, format!("{head}{data}").as_bytes());
    }
    seeds
}

#[test]
fn the_door_answers_any_body_without_a_value_of_it() {
    let seeds = door_seeds();
    for mode in 0..7 {
        let mut of_mode = seeds.iter().filter(|seed| seed[0] == mode);
        assert!(
            of_mode.any(|seed| matches!(door::run(seed), Some(200 | 422))),
            "no seed of mode {mode} reaches the contract"
        );
    }
    hand("door", |bytes| _ = door::run(bytes), &seeds);
}

#[test]
fn the_tripwire_reads_any_record() {
    hand("tripwire", tripwire::run, &examples());
}

#[test]
fn any_settings_and_plans_are_read_or_rejected() {
    let names = settings::FILES.into_iter().chain(["partner-feeds.toml"]);
    let seed = |(which, name): (usize, &str)| {
        let text = std::fs::read(root("config").join(name)).expect("a file");
        [&[which as u8], &text[..]].concat()
    };
    hand(
        "settings",
        settings::run,
        &names.enumerate().map(seed).collect::<Vec<_>>(),
    );
}

#[test]
fn what_was_changed_in_a_file_of_the_store_is_called_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut demo = Command::new(env!("CARGO_BIN_EXE_partner-feeds"));
    let made = demo
        .args(["demo", "--events", "1000", "--store", "store"])
        .current_dir(folder.path())
        .output();
    assert!(made.expect("it runs").status.success());
    let mut seeds = Vec::new();
    files(folder.path(), &mut seeds);
    let read_or_damaged = |bytes: &[u8]| {
        ledger::run(bytes);
        let is_damaged =
            partner_feeds::ledger::coordinates("x", Bytes::copy_from_slice(bytes)).is_err();
        assert!(
            is_damaged || seeds.iter().any(|seed| seed == bytes),
            "what nobody wrote is read"
        );
    };
    hand("ledger", read_or_damaged, &seeds);
}
