//! Words and templates to make texts of. They were written down from what newspapers, instructions and questions are about,
//! without the guards' lists; a test counts how few of the words that make a difference are in those.

use crate::score::Lcg;

/// One of them.
pub(super) fn pick<T: Copy>(random: &mut Lcg, pool: &[T]) -> T {
    pool[random.below(pool.len())]
}

/// Two different ones.
pub(super) fn two<T: Copy>(random: &mut Lcg, pool: &[T]) -> (T, T) {
    let first = random.below(pool.len());
    let second = (first + 1 + random.below(pool.len() - 1)) % pool.len();
    (pool[first], pool[second])
}

/// Who acts, in claims.
pub(super) const ACTORS: &[&str] = &[
    "the harbour authority",
    "the ferry operator",
    "the orchestra",
    "the county court",
    "the fishing cooperative",
    "the museum",
    "the railway union",
    "the observatory",
    "the dairy board",
    "the ski federation",
    "the water utility",
    "the publisher",
    "the vaccine maker",
    "the airline",
    "the chess club",
    "the border agency",
    "the parliament",
    "the hospital trust",
    "the steel mill",
    "the archive",
    "the brewery",
    "the parish",
    "the housing office",
    "the tennis association",
];

/// What they did, and its opposite.
pub(super) const OPPOSITES: &[(&str, &str)] = &[
    ("raised", "lowered"),
    ("accepted", "rejected"),
    ("expanded", "curtailed"),
    ("praised", "condemned"),
    ("hired", "dismissed"),
    ("opened", "shuttered"),
    ("strengthened", "weakened"),
    ("confirmed", "refuted"),
    ("funded", "defunded"),
    ("joined", "quit"),
    ("supported", "opposed"),
    ("unveiled", "concealed"),
    ("revived", "scrapped"),
    ("tightened", "loosened"),
    ("legalised", "criminalised"),
    ("remembered", "neglected"),
    ("inflated", "deflated"),
    ("imported", "exported"),
    ("advanced", "delayed"),
    ("encouraged", "discouraged"),
    ("included", "excluded"),
    ("encrypted", "decrypted"),
    ("attached", "detached"),
    ("honoured", "betrayed"),
    ("welcomed", "deplored"),
    ("doubled", "halved"),
    ("merged", "split"),
    ("enforced", "waived"),
    ("ratified", "vetoed"),
    ("upgraded", "downgraded"),
    ("overestimated", "underestimated"),
    ("trusted", "doubted"),
    ("cleaned", "polluted"),
    ("heated", "chilled"),
    ("locked", "unlocked"),
    ("filled", "drained"),
];

/// What it was done to.
pub(super) const THINGS: &[&str] = &[
    "the toll",
    "the subsidy",
    "the winter timetable",
    "the quota",
    "the archive fee",
    "the night service",
    "the safety code",
    "the merger plan",
    "the zoning map",
    "the vaccine study",
    "the tuition grant",
    "the loan scheme",
    "the fishing treaty",
    "the energy tariff",
    "the visa rule",
    "the school lunch",
    "the customs form",
    "the pension fund",
    "the rent ceiling",
    "the data centre",
    "the solar farm",
    "the tram line",
    "the debt report",
    "the dress code",
    "the harvest festival",
];

/// Where, to end a claim with.
pub(super) const PLACES: &[&str] = &[
    "Norway", "Lisbon", "Quebec", "Nairobi", "Tasmania", "Bavaria", "Osaka", "Chile", "Gdansk", "Wyoming",
    "Kerala", "Ghent", "Sardinia", "Ankara", "Hanoi", "Malmo", "Oregon", "Tbilisi", "Leeds", "Cusco",
];

/// Names that could stand for each other.
pub(super) const PEOPLE: &[&str] = &[
    "Marta Quill",
    "Jonas Berg",
    "Priya Raman",
    "Owen Tate",
    "Lucia Ferro",
    "Kofi Mensah",
    "Ines Duarte",
    "Pavel Novak",
    "Aiko Mori",
    "Sean Doyle",
    "Nadia Haddad",
    "Erik Lund",
    "Gwen Parry",
    "Omar Farouk",
    "Tessa Vine",
    "Raul Ortega",
];

/// Organisations that could stand for each other.
pub(super) const FIRMS: &[&str] = &[
    "Siemens", "Volvo", "Pfizer", "Nestle", "Samsung", "Airbus", "Shell", "Ikea", "Toyota", "Bayer", "Nokia",
    "Zara", "Boeing", "Lego", "Oracle", "Maersk", "Hitachi", "Danone", "Intel", "Ryanair",
];

/// Kinds of things that have no capital.
pub(super) const KINDS: &[&str] = &[
    "otters",
    "badgers",
    "herons",
    "bats",
    "tulips",
    "lentils",
    "zinc",
    "tin",
    "nickel",
    "ibuprofen",
    "aspirin",
    "penicillin",
    "violins",
    "cellos",
    "oaks",
    "birches",
    "wasps",
    "bees",
    "salmon",
    "trout",
    "barley",
    "rye",
    "goats",
    "mules",
    "granite",
    "marble",
    "cotton",
    "linen",
    "magnesium",
    "potassium",
    "lizards",
    "newts",
    "ravens",
    "crows",
    "diesel",
    "kerosene",
];

/// What can be done to what, as an instruction.
pub(super) const TASKS: &[&str] = &[
    "descale a kettle",
    "prune a rose bush",
    "tune a banjo",
    "appeal a parking fine",
    "register a trademark",
    "frost a cake",
    "insulate an attic",
    "bleed a radiator",
    "file a patent",
    "sharpen a chisel",
    "graft an apple tree",
    "renew a passport",
    "cancel a magazine subscription",
    "waterproof a tent",
    "calibrate a thermometer",
    "transfer a pension",
    "ferment cabbage",
    "back up a laptop",
    "plaster a ceiling",
    "train a puppy",
    "grout bathroom tiles",
    "rehang a door",
    "dye a wool jumper",
    "recover a deleted spreadsheet",
    "test soil for lead",
    "dispute a phone bill",
    "resize a photo",
    "knit a scarf",
    "whiten grout",
    "rewire a lamp",
    "store dahlia bulbs",
    "trace a phone call",
    "mount a bicycle rack",
    "evict a tenant",
];

/// Qualities and what they are without a prefix.
pub(super) const QUALITIES: &[(&str, &str)] = &[
    ("licensed", "unlicensed"),
    ("insured", "uninsured"),
    ("compliant", "noncompliant"),
    ("toxic", "nontoxic"),
    ("reversible", "irreversible"),
    ("flammable", "nonflammable"),
    ("qualified", "unqualified"),
    ("lawful", "unlawful"),
    ("stable", "unstable"),
    ("legible", "illegible"),
    ("connected", "disconnected"),
    ("loyal", "disloyal"),
    ("accurate", "inaccurate"),
    ("soluble", "insoluble"),
    ("audited", "unaudited"),
    ("vaccinated", "unvaccinated"),
    ("seaworthy", "unseaworthy"),
    ("edible", "inedible"),
    ("honest", "dishonest"),
    ("visible", "invisible"),
    ("taxable", "untaxed"),
    ("refundable", "nonrefundable"),
    ("harmful", "harmless"),
    ("careful", "careless"),
    ("hopeful", "hopeless"),
    ("fearful", "fearless"),
    ("useful", "useless"),
    ("fenced", "unfenced"),
    ("sugary", "sugarless"),
];

/// Relations that do not go both ways: past form.
pub(super) const DEEDS: &[&str] = &[
    "sued",
    "bought",
    "outsold",
    "accused",
    "copied",
    "rescued",
    "underbid",
    "sponsored",
    "overtook",
    "defeated",
    "poached",
    "warned",
    "fined",
    "blamed",
    "supplied",
    "outvoted",
    "licensed",
    "banned",
    "imitated",
    "acquired",
    "undercut",
    "insured",
    "audited",
    "boycotted",
    "subsidised",
];

/// Nouns and their plurals, for questions of what something is.
pub(super) const NOUNS: &[(&str, &str)] = &[
    ("neutron star", "neutron stars"),
    ("hedge fund", "hedge funds"),
    ("vaccine", "vaccines"),
    ("stem cell", "stem cells"),
    ("solar panel", "solar panels"),
    ("sonnet", "sonnets"),
    ("heat pump", "heat pumps"),
    ("glacier", "glaciers"),
    ("trade union", "trade unions"),
    ("compiler", "compilers"),
    ("fjord", "fjords"),
    ("tax credit", "tax credits"),
    ("black hole", "black holes"),
    ("enzyme", "enzymes"),
    ("sinkhole", "sinkholes"),
    ("tidal wave", "tidal waves"),
];

/// What can be asked of a place, with its "of".
pub(super) const FACTS: &[&str] =
    &["capital", "population", "currency", "climate", "flag", "history", "area", "mayor"];

/// Months.
pub(super) const MONTHS: &[&str] = &[
    "January",
    "February",
    "March",
    "April",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A claim without its point: "the museum scrapped the toll".
pub(super) fn deed(random: &mut Lcg) -> (&'static str, &'static str, &'static str) {
    let (done, other) = pick(random, OPPOSITES);
    let verb = if random.below(2) == 0 { done } else { other };
    (pick(random, ACTORS), verb, pick(random, THINGS))
}

/// With a capital at its beginning.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
