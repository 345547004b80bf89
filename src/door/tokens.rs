//! The tokens and certificates of partners: a file with their digests, read again when it changes.
//!
//! A token is 256 random bits, so its SHA-256 cannot be reversed and needs no slow hash. A file with
//! a fault is refused completely, and the tokens before it stay valid. This module must not log a
//! token, and no error contains one.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::civil;
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::pki_types::{CertificateDer, DnsName, ServerName};
use tokio_rustls::rustls::server::ParsedCertificate;

use super::problem::Problem;

use crate::contract::record::partner_of;
use crate::event::Micros;
use crate::files::fault::{FaultSink, hint};
use crate::files::toml_reader::{TomlReader, parse};
use crate::files::{Fault, Faults};
use crate::hex;
use crate::reference::Partners;

/// The most days for which a token may be valid.
pub const VALID_DAYS_MAX: i32 = 400;
/// Random bytes of a token.
const SECRET_BYTES: usize = 32;

/// The SHA-256 of a token or a certificate.
type Sha256Digest = [u8; 32];

/// Whose token or certificate it is, and what may be sent with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    /// Its name in logs.
    pub(super) id: String,
    pub(super) partner: String,
    /// The sources with which events may be sent.
    pub(super) sources: BTreeSet<String>,
    /// The last day on which it is valid.
    pub(super) expires: civil::Date,
}

/// What a file grants.
#[derive(Clone, Debug, Default)]
struct GrantSet {
    tokens: HashMap<Sha256Digest, Arc<Grant>>,
    certificates: HashMap<CertificateName, Arc<Grant>>,
}

/// By what a certificate is recognised.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum CertificateName {
    /// A name that it is valid for; so its renewals are recognised too.
    Dns(DnsName<'static>),
    /// Its digest: this certificate only.
    Digest(Sha256Digest),
}

/// A token that was just made.
#[derive(Debug)]
pub struct NewToken {
    /// The token itself, to be given to the partner.
    pub secret: String,
    /// Its entry for the token file.
    pub entry: String,
}

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The partner has no source.
    #[error("no source of `{partner}` is registered in partners.toml{hint}")]
    Partner {
        /// The name that was given.
        partner: String,
        /// A known name that is near.
        hint: String,
    },
    /// A source is not the partner's.
    #[error("`{source_name}` is not a source of `{partner}` in partners.toml{hint}")]
    Source {
        /// The source that was given.
        source_name: String,
        /// The partner.
        partner: String,
        /// A known source that is near.
        hint: String,
    },
    /// The date is past or too far ahead.
    #[error(
        "a token must expire from today to {} days ahead; pass another --expires",
        VALID_DAYS_MAX
    )]
    Expires,
    /// The system has no random numbers.
    #[error("cannot read random bytes from the system")]
    Random(#[source] std::io::Error),
}

/// The sources that are registered for a partner.
fn sources_of(partners: &Partners, partner: &str) -> BTreeSet<String> {
    let topics = partners.topics();
    let sources = topics.flat_map(|topic| partners.sources(&topic.name));
    sources
        .filter(|source| partner_of(source) == partner)
        .map(str::to_owned)
        .collect()
}

fn hint_partner(partners: &Partners, partner: &str) -> String {
    let topics = partners.topics();
    let sources = topics.flat_map(|topic| partners.sources(&topic.name));
    hint(partner, sources.map(partner_of))
}

/// Makes a token of a partner, for some of its sources or, if none is given, for all.
pub fn create(
    partners: &Partners,
    partner: &str,
    sources: &[String],
    expires: civil::Date,
    now: Micros,
) -> Result<NewToken, TokenError> {
    let own = sources_of(partners, partner);
    if own.is_empty() {
        return Err(TokenError::Partner {
            partner: partner.to_owned(),
            hint: hint_partner(partners, partner),
        });
    }
    if let Some(other) = sources.iter().find(|source| !own.contains(*source)) {
        return Err(TokenError::Source {
            source_name: other.clone(),
            partner: partner.to_owned(),
            hint: hint(other, own.iter().map(String::as_str)),
        });
    }
    let today = now.in_london().date();
    if expires < today || is_too_far(expires, today) {
        return Err(TokenError::Expires);
    }
    let mut bytes = [0_u8; SECRET_BYTES];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    if filled.map_err(|error| TokenError::Random(error.into()))? != SECRET_BYTES {
        return Err(TokenError::Random(std::io::ErrorKind::UnexpectedEof.into()));
    }
    let secret = format!("pf_{partner}_{}", URL_SAFE_NO_PAD.encode(bytes));
    let digest = hex::encode(&digest_of(secret.as_bytes()));
    let list: Vec<String> = sources
        .iter()
        .map(|source| format!("\"{source}\""))
        .collect();
    let sources_line = match &list[..] {
        [] => String::new(),
        list => format!("sources = [{}]\n", list.join(", ")),
    };
    let entry = format!(
        "[[token]]\nid = \"{partner}-{}\"\npartner = \"{partner}\"\n{sources_line}sha256 = \"{digest}\"\nexpires = \
         {expires}\n",
        &digest[..8]
    );
    Ok(NewToken { secret, entry })
}

fn is_too_far(expires: civil::Date, today: civil::Date) -> bool {
    expires > today.saturating_add(jiff::Span::new().days(VALID_DAYS_MAX))
}

fn digest_of(bytes: &[u8]) -> Sha256Digest {
    Sha256::digest(bytes).into()
}

impl Grant {
    fn is_valid(&self, now: Micros) -> bool {
        now.in_london().date() <= self.expires
    }
}

impl GrantSet {
    /// The grants of a file's text.
    fn parse(
        file: &str,
        text: &str,
        partners: &Partners,
        today: civil::Date,
    ) -> Result<Self, Faults> {
        let sink = FaultSink::default();
        let mut grants = Self::default();
        if let Some(table) = parse(file, text, &sink) {
            let reader = TomlReader::new(file, &table, &sink);
            if !reader.has("token") && !reader.has("certificate") {
                reader.fault("token", "is missing, and so is `certificate`");
            }
            let mut ids = BTreeSet::new();
            for entry in reader.tables("token") {
                let grant = read_grant(&entry, partners, today);
                entry.unique_id(&grant.id, &mut ids);
                let digest = read_digest(&entry);
                if let Some(digest) = entry.required("sha256", digest)
                    && grants.tokens.insert(digest, Arc::new(grant)).is_some()
                {
                    entry.fault("sha256", "is given twice");
                }
            }
            for entry in reader.tables("certificate") {
                let grant = Arc::new(read_grant(&entry, partners, today));
                entry.unique_id(&grant.id, &mut ids);
                if entry.has("dns_name") == entry.has("sha256") {
                    entry.fault("dns_name", "or `sha256` must be given, and not both");
                }
                let names = [
                    ("dns_name", read_dns_name(&entry).map(CertificateName::Dns)),
                    ("sha256", read_digest(&entry).map(CertificateName::Digest)),
                ];
                for (key, name) in names {
                    let name = name.map(|name| (name, Arc::clone(&grant)));
                    if name.is_some_and(|(name, grant)| {
                        grants.certificates.insert(name, grant).is_some()
                    }) {
                        entry.fault(key, "is given twice");
                    }
                }
            }
        }
        sink.into_faults().into_result(grants)
    }

    /// All grants.
    fn all(&self) -> impl Iterator<Item = &Arc<Grant>> {
        self.tokens.values().chain(self.certificates.values())
    }
}

fn read_digest(entry: &TomlReader<'_>) -> Option<Sha256Digest> {
    let digest = entry.text("sha256").and_then(parse_digest);
    if entry.is_text("sha256") && digest.is_none() {
        entry.fault("sha256", "is not a SHA-256: 64 digits of 0-9 and a-f");
    }
    digest
}

fn read_dns_name(entry: &TomlReader<'_>) -> Option<DnsName<'static>> {
    let name = DnsName::try_from(entry.text("dns_name")?.to_lowercase());
    if name.is_err() {
        entry.fault(
            "dns_name",
            "is not a DNS name, such as feeds.maidstone.example",
        );
    }
    name.ok()
}

/// Reads what an entry grants; what is wrong with it is a fault.
fn read_grant(entry: &TomlReader<'_>, partners: &Partners, today: civil::Date) -> Grant {
    let (id, partner) = (entry.id("id").to_owned(), entry.id("partner").to_owned());
    let own = sources_of(partners, &partner);
    if own.is_empty() && !partner.is_empty() {
        let hint = hint_partner(partners, &partner);
        entry.fault(
            "partner",
            format!("`{partner}` has no source in partners.toml{hint}"),
        );
    }
    let mut sources = BTreeSet::new();
    for source in entry.texts("sources") {
        if !own.contains(source.text) {
            let hint = hint(source.text, own.iter().map(String::as_str));
            let reason = format!("`{}` is not a source of `{partner}`{hint}", source.text);
            entry.fault_at(&source.key, reason);
        }
        sources.insert(source.text.to_owned());
    }
    let expires = entry.date("expires");
    match expires {
        None if !entry.has("expires") => entry.fault("expires", "is missing"),
        Some(date) if is_too_far(date, today) => {
            entry.fault(
                "expires",
                format!("is more than {VALID_DAYS_MAX} days ahead"),
            );
        }
        _ => {}
    }
    Grant {
        id,
        partner,
        sources: if entry.has("sources") { sources } else { own },
        expires: expires.unwrap_or_default(),
    }
}

fn parse_digest(text: &str) -> Option<Sha256Digest> {
    let digits: Option<Vec<u8>> = text
        .bytes()
        .map(|byte| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        })
        .collect();
    let bytes: Vec<u8> = digits?
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[pair.len() - 1])
        .collect();
    (text.len() == 64).then(|| bytes.try_into().ok()).flatten()
}

/// The tokens in effect.
#[derive(Debug)]
pub(super) struct TokenStore {
    file: PathBuf,
    partners: Partners,
    current: RwLock<GrantSet>,
    /// The text of the file when it was last read.
    last_text: RwLock<String>,
}

impl TokenStore {
    /// The tokens of a file, which must have no fault.
    pub(super) fn open(file: &Path, partners: &Partners, now: Micros) -> Result<Self, Faults> {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|error| {
            let reason = format!(
                "cannot be read: {error}; `partner-feeds door token` prints the entries of the file"
            );
            Faults(vec![Fault::new(&*name, "", reason)])
        })?;
        let tokens = GrantSet::parse(&name, &text, partners, now.in_london().date())?;
        Ok(Self {
            file: file.to_owned(),
            partners: partners.clone(),
            current: RwLock::new(tokens),
            last_text: RwLock::new(text),
        })
    }

    /// Reads the file again; if it has a fault, the previous tokens stay.
    pub(super) fn reload(&self, now: Micros) {
        let name = self.file.display().to_string();
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        {
            let mut last = self
                .last_text
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            if *last == text {
                return;
            }
            last.clone_from(&text);
        }
        if text.is_empty() {
            tracing::warn!(
                file = name,
                "token file cannot be read: the previous tokens stay valid"
            );
            return;
        }
        match GrantSet::parse(&name, &text, &self.partners, now.in_london().date()) {
            Ok(tokens) => {
                tracing::info!(entries = tokens.all().count(), "token file read");
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = tokens;
            }
            Err(faults) => {
                let faults = faults.to_string();
                tracing::warn!(
                    faults,
                    "token file rejected: the previous tokens stay valid"
                );
            }
        }
    }

    /// What a token grants; `None` if it is unknown or expired.
    pub(super) fn grant(&self, token: &str, now: Micros) -> Option<Arc<Grant>> {
        let tokens = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let grant = tokens.tokens.get(&digest_of(token.as_bytes()))?;
        grant.is_valid(now).then(|| Arc::clone(grant))
    }

    /// What a certificate grants; `None` if it is unknown or its entry expired. It must not have the
    /// names of two partners.
    pub(super) fn certificate_grant(
        &self,
        certificate: &CertificateDer<'_>,
        now: Micros,
    ) -> Result<Option<Arc<Grant>>, Problem> {
        let grants = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let parsed = ParsedCertificate::try_from(certificate).ok();
        let digest = digest_of(certificate);
        let is_named = |name: &CertificateName| match name {
            CertificateName::Digest(named) => *named == digest,
            CertificateName::Dns(name) => {
                let name = ServerName::DnsName(name.borrow());
                let parsed = parsed.as_ref();
                parsed.is_some_and(|parsed| verify_server_name(parsed, &name).is_ok())
            }
        };
        let mut found: Option<&Arc<Grant>> = None;
        for (name, grant) in &grants.certificates {
            if grant.is_valid(now) && is_named(name) {
                if found.is_some_and(|other| other.partner != grant.partner) {
                    return Err(Problem::two_partners());
                }
                // Of several entries of a partner, always the same counts.
                found = found
                    .into_iter()
                    .chain([grant])
                    .min_by_key(|grant| &grant.id);
            }
        }
        Ok(found.cloned())
    }

    /// The names of all partners that have a token or a certificate.
    pub(super) fn partners(&self) -> BTreeSet<String> {
        let grants = self.current.read().unwrap_or_else(PoisonError::into_inner);
        grants.all().map(|grant| grant.partner.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Reference;

    const NOW: Micros = Micros(1_600_000_000 * Micros::PER_SECOND);

    fn partners() -> Partners {
        Reference::load(None).expect("built in").partners
    }

    fn day(days: i64) -> Micros {
        NOW.plus_seconds(days * 24 * 60 * 60)
    }

    fn new_token(sources: &[&str]) -> NewToken {
        let sources: Vec<String> = sources.iter().map(|source| (*source).to_owned()).collect();
        let expires = day(30).in_london().date();
        create(&partners(), "kent-police", &sources, expires, NOW).expect("a token")
    }

    #[test]
    fn a_token_grants_its_partners_sources_until_it_expires() {
        let (all, one) = (
            new_token(&[]),
            new_token(&["urn:partner:kent-police:crime"]),
        );
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("tokens.toml");
        std::fs::write(&file, format!("{}{}", all.entry, one.entry)).expect("written");
        let store = TokenStore::open(&file, &partners(), NOW).expect("no fault");
        let grant = store.grant(&all.secret, NOW).expect("granted");
        assert_eq!(grant.partner, "kent-police");
        assert_eq!(grant.sources, sources_of(&partners(), "kent-police"));
        assert!(grant.sources.len() > 1);
        let grant = store.grant(&one.secret, NOW).expect("granted");
        assert_eq!(grant.sources.len(), 1);
        assert!(store.grant(&one.secret, day(30)).is_some());
        assert!(store.grant(&one.secret, day(31)).is_none());
        assert!(store.grant(&one.secret[1..], NOW).is_none());
        assert!(!all.entry.contains(&all.secret[16..]));
    }

    #[test]
    fn a_changed_file_is_read_again_and_a_faulty_one_changes_nothing() {
        let (first, second) = (new_token(&[]), new_token(&[]));
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("tokens.toml");
        std::fs::write(&file, &first.entry).expect("written");
        let store = TokenStore::open(&file, &partners(), NOW).expect("no fault");
        let is_valid = |token: &NewToken| store.grant(&token.secret, NOW).is_some();
        std::fs::write(&file, format!("{}partner = 3", second.entry)).expect("written");
        store.reload(NOW);
        assert_eq!((is_valid(&first), is_valid(&second)), (true, false));
        std::fs::write(&file, &second.entry).expect("written");
        store.reload(NOW);
        assert_eq!((is_valid(&first), is_valid(&second)), (false, true));
        std::fs::remove_file(&file).expect("removed");
        store.reload(NOW);
        assert!(is_valid(&second));
    }

    #[test]
    fn every_fault_of_a_token_file_is_reported_at_once() {
        let text = "[[token]]\nid = 'a'\npartner = 'kent-polce'\nsha256 = 'zz'\nexpires = 2031-01-01\n\
                    [[token]]\nid = 'a'\npartner = 'kent-police'\n\
                    sources = ['urn:partner:maidstone-bc:hclic']\nsha25 = 'x'\n";
        let today = NOW.in_london().date();
        let faults = GrantSet::parse("t.toml", text, &partners(), today).expect_err("faults");
        let mut faults: Vec<String> = faults.0.iter().map(ToString::to_string).collect();
        faults.sort();
        assert_eq!(
            faults,
            [
                "t.toml: token[0].expires: is more than 400 days ahead",
                "t.toml: token[0].partner: `kent-polce` has no source in partners.toml; did you mean `kent-police`?",
                "t.toml: token[0].sha256: is not a SHA-256: 64 digits of 0-9 and a-f",
                "t.toml: token[1].expires: is missing",
                "t.toml: token[1].id: `a` is given twice",
                "t.toml: token[1].sha256: is missing",
                "t.toml: token[1].sha25: unknown key; did you mean `sha256`?",
                "t.toml: token[1].sources[0]: `urn:partner:maidstone-bc:hclic` is not a source of `kent-police`",
            ]
        );
    }

    #[test]
    fn a_token_is_made_only_for_a_known_partner_and_a_near_date() {
        let make = |partner: &str, days: i64| {
            let expires = day(days).in_london().date();
            create(&partners(), partner, &[], expires, NOW).map(|_| ())
        };
        assert!(make("kent-police", 400).is_ok());
        assert!(matches!(make("kent-police", 401), Err(TokenError::Expires)));
        assert!(matches!(make("kent-police", -1), Err(TokenError::Expires)));
        assert!(matches!(
            make("kent-polce", 1),
            Err(TokenError::Partner { .. })
        ));
    }
}
