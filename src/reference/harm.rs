//! Harm weights: how much a record of one code counts against a record of another.
//!
//! A set is a file `config/harm/<id>.csv`. None is built in: each has a licence of its own. A code
//! without a weight is reported as unweighted; its weight is never 0.

use hashbrown::HashMap;
use serde::Deserialize;

use super::schemes::Schemes;
use crate::files::TextFiles;
use crate::files::csv::{read_rows, required_comment};
use crate::files::fault::FaultSink;
use crate::files::toml_reader::is_kebab;
use crate::reference::pattern::Fold;

/// A set of weights.
#[derive(Clone, Debug)]
pub struct HarmSet {
    /// Its id: the name of its file.
    pub id: String,
    /// What a weight counts, such as `days` of imprisonment.
    pub unit: String,
    /// By scheme, then by folded code.
    weights: HashMap<String, HashMap<String, f64>>,
}

impl HarmSet {
    /// Every weight by its scheme and folded code, in no order.
    pub fn weights(&self) -> impl Iterator<Item = (&str, &str, f64)> {
        self.weights
            .iter()
            .flat_map(|(scheme, codes)| weights_of_scheme(scheme, codes))
    }

    /// The weight of a code; `None` = it has none.
    pub fn weight(&self, scheme: &str, code: &str) -> Option<f64> {
        let codes = self.weights.get(scheme)?;
        Fold::for_scheme(scheme)
            .with(code, |folded| codes.get(folded).copied())
            .flatten()
    }
}

fn weights_of_scheme<'s>(
    scheme: &'s str,
    codes: &'s HashMap<String, f64>,
) -> impl Iterator<Item = (&'s str, &'s str, f64)> {
    codes
        .iter()
        .map(move |(code, weight)| (scheme, &**code, *weight))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HarmRow {
    scheme: String,
    code: String,
    weight: f64,
    unit: String,
    source: String,
}

/// Reads the sets, in order of ids.
pub(super) fn read(files: &TextFiles, schemes: &Schemes<'_>, sink: &FaultSink) -> Vec<HarmSet> {
    files
        .in_folder("harm", ".csv")
        .map(|(path, text)| read_set(path, text, schemes, sink))
        .collect()
}

fn read_set(path: &str, text: &str, schemes: &Schemes<'_>, sink: &FaultSink) -> HarmSet {
    let id = path
        .trim_start_matches("harm/")
        .trim_end_matches(".csv")
        .to_owned();
    if !is_kebab(&id) {
        sink.add(path, "", "has a name that is not kebab-case");
    }
    required_comment(path, text, "licence", sink);
    let rows: Vec<HarmRow> = read_rows(path, text, sink);
    let mut set = HarmSet {
        id,
        unit: rows.first().map(|row| row.unit.clone()).unwrap_or_default(),
        weights: HashMap::new(),
    };
    for row in rows {
        let key = format!("{},{}", row.scheme, row.code);
        if let Err(reason) = set.add(row, schemes) {
            sink.add(path, &key, reason);
        }
    }
    if set.weights.contains_key("ho-category") && set.weights.contains_key("ho-offence") {
        sink.add(
            path,
            "ho-category",
            "is used together with ho-offence: a crime has both codes and would be weighted twice",
        );
    }
    set
}

impl HarmSet {
    fn add(&mut self, row: HarmRow, schemes: &Schemes<'_>) -> Result<(), String> {
        let HarmRow {
            scheme,
            code,
            weight,
            unit,
            source,
        } = row;
        if !schemes.contains(&scheme) {
            return Err(schemes.unknown(&scheme));
        }
        let folded = Fold::for_scheme(&scheme)
            .folded(&code)
            .ok_or("is a base, which has no weight")?;
        if schemes.codes.knows(&scheme, None, &code) == Some(false) {
            return Err(format!("`{code}` is in no edition of {scheme}"));
        }
        if !weight.is_finite() || weight < 0.0 {
            return Err(format!("weight {weight} is not a number of at least 0"));
        }
        if unit != self.unit || unit.is_empty() {
            return Err(format!(
                "unit `{unit}` is not that of the first row, `{}`: only one can be added up",
                self.unit
            ));
        }
        if source.is_empty() {
            return Err("names no source".to_owned());
        }
        let before = self
            .weights
            .entry(scheme)
            .or_default()
            .insert(folded, weight);
        before.map_or(Ok(()), |_| Err("is given twice".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{faults_of, reference_of};
    use super::*;

    const HEADER: &str = "# licence: ours\nscheme,code,weight,unit,source\n";

    fn with(rows: &str) -> TextFiles {
        let mut files = TextFiles::built_in();
        files.put("harm/own.csv", format!("{HEADER}{rows}"));
        files
    }

    #[test]
    fn a_code_has_its_weight_or_none() {
        assert!(
            reference_of(&TextFiles::built_in()).harm.is_empty(),
            "none is built in"
        );
        let files = with(
            "ho-category,4/10,5475,days,us\nho-category,8N,1.5,days,us\npolice-uk,drugs,0,days,us\n",
        );
        let sets = reference_of(&files).harm;
        assert_eq!(
            (&*sets[0].id, &*sets[0].unit, sets.len()),
            ("own", "days", 1)
        );
        let weight = |scheme, code| sets[0].weight(scheme, code);
        assert_eq!(
            [weight("ho-category", "4.10"), weight("ho-category", "8n")],
            [Some(5475.0), Some(1.5)]
        );
        assert_eq!(
            [
                weight("police-uk", "drugs"),
                weight("police-uk", "burglary")
            ],
            [Some(0.0), None]
        );
        assert_eq!(weight("ho-offence", "008/06"), None);
    }

    #[test]
    fn what_weights_may_not_say_is_refused() {
        for (rows, words) in [
            (
                "ho-categroy,8N,1,days,us",
                "harm/own.csv: ho-categroy,8N: unknown scheme `ho-categroy`; did you mean",
            ),
            (
                "ho-category,999,1,days,us",
                "ho-category,999: `999` is in no edition of ho-category",
            ),
            (
                "ho-category,8N,-1,days,us",
                "weight -1 is not a number of at least 0",
            ),
            (
                "ho-category,8N,NaN,days,us",
                "weight NaN is not a number of at least 0",
            ),
            ("ho-category,8N,heavy,days,us", "harm/own.csv: line 3: "),
            (
                "ho-category,8N,1,days,us\nho-category,8P,1,pounds,us",
                "unit `pounds` is not that of the first row, `days`",
            ),
            ("ho-category,8N,1,days,", "ho-category,8N: names no source"),
            (
                "ho-category,4.10,1,days,us\nho-category,4/10,2,days,us",
                "ho-category,4/10: is given twice",
            ),
            (
                "hclic-need,total-number-of-support-needs,1,days,us",
                "is a base, which has no weight",
            ),
            (
                "ho-category,8N,1,days,us\nho-offence,008/06,2,days,us",
                "ho-category: is used together with ho-offence",
            ),
        ] {
            let faults = faults_of(&with(rows));
            assert!(
                faults.contains(words),
                "expected: {words}\nfaults: {faults}"
            );
        }
    }
}
