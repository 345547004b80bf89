use super::*;
use crate::files::create;

fn leicester(partners: &[(PartnerRole, &str)]) -> NewPartnership {
    let area = "E06000016".to_owned();
    let partners = partners
        .iter()
        .map(|(role, text)| (*role, NewPartner::parse(text).expect("a partner")));
    NewPartnership {
        partnership: Partnership {
            name: "Safer Leicester Partnership".to_owned(),
            area: area.clone(),
        },
        area_name: "Leicester".to_owned(),
        districts: [(area, "Leicester".to_owned())].into(),
        first_year: 2025,
        partners: partners.collect(),
    }
}

const ALL: [(PartnerRole, &str); 8] = [
    (
        PartnerRole::Police,
        "leicestershire-police=Leicestershire Police",
    ),
    (PartnerRole::Council, "leicester-cc=Leicester City Council"),
    (PartnerRole::County, "leicester-cc=Leicester City Council"),
    (PartnerRole::Acute, "a-trust=A Hospital Trust"),
    (PartnerRole::Ambulance, "An Ambulance Service"),
    (PartnerRole::MentalHealth, "m-trust=A Mental Health Trust"),
    (PartnerRole::Treatment, "t-provider=A Provider"),
    (PartnerRole::Landlord, "l-homes=A Landlord"),
];

/// The reference data of the files, as a folder.
fn load(new: &NewPartnership) -> Reference {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in new.files() {
        assert!(create(&folder.path().join(path), &text).expect("a file"));
    }
    Reference::load(Some(folder.path())).expect("no fault")
}

#[test]
fn the_files_of_a_new_partnership_have_no_fault_and_nothing_of_the_built_in_one() {
    for partners in [&ALL[..], &ALL[..2]] {
        let new = leicester(partners);
        let reference = load(&new);
        assert_eq!(reference.partnership, new.partnership);
        let plans: Vec<_> = reference
            .plans
            .iter()
            .map(|plan| (&*plan.id, &*plan.area))
            .collect();
        assert_eq!(plans, [("leicester-2025-26", "E06000016")]);
        assert_eq!(reference.warnings, []);
        assert_eq!(reference.windows.first_month.to_string(), "2020-04");
        for (path, text) in new.files() {
            // The published files of every force stay.
            let text = text
                .replace("kent-police", "")
                .replace("Kent Police", "")
                .to_lowercase();
            for word in [
                "kent",
                "maidstone",
                "medway",
                "golding",
                "mtw",
                "secamb",
                "kmpt",
                "e07000110",
                "smp-",
            ] {
                assert!(!text.contains(word), "{path}: {word}");
            }
        }
    }
}

#[test]
fn a_partner_that_is_not_known_is_commented_out() {
    let own = |reference: &Reference| {
        let ids = reference.partners.ids();
        ids.into_iter()
            .filter(|id| !id.ends_with("-police") && *id != "mhclg")
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        own(&load(&leicester(&ALL))),
        [
            "a-trust",
            "an-ambulance-service",
            "l-homes",
            "leicester-cc",
            "m-trust",
            "t-provider"
        ]
    );
    let few = load(&leicester(&ALL[..2]));
    assert_eq!(own(&few), ["leicester-cc"]);
    assert!(few.partners.is_registered(
        "police.events.v1",
        "urn:partner:leicestershire-police:crime"
    ));
    assert!(
        !few.partners
            .is_registered("police.events.v1", "urn:partner:kent-police:crime")
    );
    assert!(
        few.partners
            .is_registered("police.events.v1", "urn:partner:kent-police:open-data")
    );
    assert_eq!(few.partners.label("leicester-cc"), "Leicester City Council");
    let covered = few
        .partners
        .covers("leicester-cc", crate::event::Kind::HomelessnessCase);
    assert_eq!(covered, Some(["E06000016"].into()));
}

#[test]
fn every_partner_of_the_built_in_partnership_has_a_role() {
    let model = TextFiles::built_in();
    let model = model.text("partners.toml").expect("built in");
    let systems: Vec<&str> = model
        .split("\n\n")
        .filter(|paragraph| paragraph.contains("partners = [\""))
        .collect();
    let without_role = systems
        .iter()
        .filter(|paragraph| built_in_partner(paragraph).is_none());
    let without_role: Vec<_> = without_role
        .map(|paragraph| paragraph.lines().next())
        .collect();
    assert_eq!(without_role, [Some("[[system]]  # the published tables")]);
    let roles: std::collections::BTreeSet<_> = systems
        .iter()
        .filter_map(|paragraph| built_in_partner(paragraph))
        .map(|(id, _)| id)
        .collect();
    assert_eq!(roles, BUILT_IN.iter().map(|(id, _)| *id).collect());
}

#[test]
fn the_breaks_that_stay_concern_everyone_or_the_police_force() {
    let ids = |police| {
        let breaks = load(&leicester(&[(PartnerRole::Police, police)])).breaks;
        breaks.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    let national = ["nsir-2011", "s136-2017", "hclic-2018", "hclic-2023"];
    assert_eq!(ids("leicestershire-police=Leicestershire Police"), national);
    let of_kent = ids("kent-police=Kent Police");
    assert!(
        national
            .iter()
            .all(|id| of_kent.contains(&(*id).to_owned()))
    );
    assert!(of_kent.contains(&"kent-system-2018".to_owned()) && of_kent.len() == 6);
}

#[test]
fn several_districts_are_a_set() {
    let mut new = leicester(&ALL);
    new.partnership.area = "E22999901".to_owned();
    new.area_name = "Dartford and Gravesham".to_owned();
    new.districts = [("E07000107", "Dartford"), ("E07000109", "Gravesham")]
        .map(|(code, name)| (code.to_owned(), name.to_owned()))
        .into();
    let reference = load(&new);
    let sets: Vec<_> = reference
        .geography
        .sets()
        .map(|(id, code, districts)| (id, code, districts.len()))
        .collect();
    assert_eq!(sets, [("dartford-and-gravesham-2", "E22999901", 2)]);
    assert_eq!(
        reference
            .plans
            .iter()
            .map(|plan| &*plan.id)
            .collect::<Vec<_>>(),
        ["dartford-and-gravesham-2025-26"]
    );
}

#[test]
fn answers_that_cannot_be_written_are_refused() {
    let mut new = leicester(&ALL);
    new.first_year = 25;
    new.area_name = "Lei\"cester".to_owned();
    new.partnership.area = "Leicester".to_owned();
    new.districts = [("E10000018".to_owned(), "Leicestershire".to_owned())].into();
    assert_eq!(
        new.faults(),
        [
            "the first year 25 is not from 2000 to 2099",
            "`E10000018` is not the code of a district, such as E07000110",
            "`Leicester` is not an area code such as E07000110",
            "`Lei\"cester`: a name cannot contain '\"'",
        ]
    );
    assert_eq!(
        NewPartner::parse("University Hospitals of Leicester NHS Trust").map(|partner| partner.id),
        Ok("university-hospitals-of".to_owned())
    );
    assert!(NewPartner::parse("Not Kebab=A Name").is_err());
    assert!(NewPartner::parse(" ").is_err());
}

#[test]
fn the_built_in_configuration_knows_its_districts() {
    let reference = Reference::load(None).expect("built in");
    let dartford = KnownDistrict::find(&reference, "E07000107").expect("known");
    assert_eq!(
        (
            &*dartford.name,
            dartford.force.as_deref(),
            dartford.county.as_deref()
        ),
        ("Dartford", Some("kent"), Some("Kent"))
    );
    assert!(KnownDistrict::find(&reference, "E06000016").is_none());
    assert!(forces(&reference).contains(&"leicestershire"));
}
