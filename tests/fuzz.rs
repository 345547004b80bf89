//! The targets of `fuzz/` without the fuzzer: real files, changed blindly, for as many seconds as
//! `PARTNER_FEEDS_TEST_FUZZ_SECONDS` sets. `fuzz/run` looks at what each change reaches, and takes
//! longer to build.

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
