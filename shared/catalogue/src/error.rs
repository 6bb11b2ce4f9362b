//! What can be wrong with a catalogue. Each message names the file, the agent or model, and the mend.

/// A fault in the catalogue's files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// A file does not read as what it should be, unknown fields included.
    #[error("{file}: {problem}; mend the line, or remove the field that is not one of those listed")]
    Unreadable {
        /// The file.
        file: String,
        /// What the parser says, with the place.
        problem: String,
    },
    /// Two rows share what must be unique.
    #[error("{file}: {what} `{value}` is used twice; give each row its own")]
    Duplicate {
        /// The file.
        file: String,
        /// Which field.
        what: &'static str,
        /// Its value.
        value: String,
    },
    /// A field holds a value that is not one of its words or lies outside its range.
    #[error("{file}: {name} has {field} = `{value}`; use {allowed}")]
    BadValue {
        /// The file.
        file: String,
        /// The agent or model.
        name: String,
        /// The field.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What it may hold.
        allowed: String,
    },
    /// A row names an agent that has no row.
    #[error(
        "agents.toml: {agent} names `{named}` in {field}, which is no agent; correct the id or add its row"
    )]
    UnknownAgent {
        /// The agent whose row it is.
        agent: String,
        /// needs, uses or fan_out.
        field: &'static str,
        /// The name.
        named: String,
    },
    /// Agents wait for each other in a ring.
    #[error("agents.toml: {path} wait for each other; take one of these out of needs or uses")]
    Cycle {
        /// The agents of the ring, in order, the first one repeated.
        path: String,
    },
    /// A need is not there at the depth at which it is needed.
    #[error(
        "agents.toml: {agent} runs from depth {depth} but needs {need}, which runs from {need_depth}; raise the depth of {agent} or lower that of {need}"
    )]
    DepthOrder {
        /// The agent whose row it is.
        agent: String,
        /// Its depth.
        depth: String,
        /// What it needs.
        need: String,
        /// The depth of that.
        need_depth: String,
    },
    /// A row names a tool that is not registered.
    #[error("agents.toml: {agent} names the tool `{named}`, which is not registered; known are {known}")]
    UnknownTool {
        /// The agent whose row it is.
        agent: String,
        /// The name.
        named: String,
        /// The registered names.
        known: String,
    },
    /// A row names an analyser that is not registered.
    #[error("agents.toml: {agent} names the analyser `{named}`, which is not registered; known are {known}")]
    UnknownAnalyser {
        /// The agent whose row it is.
        agent: String,
        /// The name.
        named: String,
        /// The registered names.
        known: String,
    },
    /// An agent has no prompt or no schema, or such a text has no agent.
    #[error("{file}: there is {problem} for {agent}; add it, or remove the other")]
    Unpaired {
        /// The file in question.
        file: String,
        /// The agent.
        agent: String,
        /// What is missing.
        problem: &'static str,
    },
    /// A schema does not compile.
    #[error("{file}: the schema of {agent} does not compile: {problem}; mend it by JSON Schema 2020-12")]
    BadSchema {
        /// The file.
        file: String,
        /// The agent.
        agent: String,
        /// What the compiler says.
        problem: String,
    },
    /// A schema leaves an object open or a property optional, which providers refuse in strict mode.
    #[error(
        "{file}: the schema of {agent} is not strict at `{place}`; set additionalProperties to false and require every property, null allowed where it may be missing"
    )]
    LooseSchema {
        /// The file.
        file: String,
        /// The agent.
        agent: String,
        /// The JSON pointer of the object.
        place: String,
    },
    /// A row asks for a field that its schema does not have.
    #[error(
        "agents.toml: {agent} names the field `{field}` in {list}, which {file} does not have; correct the name or add the property"
    )]
    UnknownField {
        /// The agent whose row it is.
        agent: String,
        /// answer, same_answer, cache.semantic_text, cache.passages or fan_out.
        list: &'static str,
        /// The field.
        field: String,
        /// The schema's file.
        file: String,
    },
    /// An agent that is shown shortened sources would quote them.
    #[error(
        "agents.toml: {agent} is shown its sources shortened, and in {file} its answer has a `quote` or words that are verbatim; drop shortened"
    )]
    QuotesShortened {
        /// The agent whose row it is.
        agent: String,
        /// The schema's file.
        file: String,
    },
    /// An agent without an analyser does not ask its model for every field.
    #[error(
        "agents.toml: {agent} has no analyser, so nobody fills `{field}`; add it to answer or name an analyser"
    )]
    UnfilledField {
        /// The agent whose row it is.
        agent: String,
        /// The field.
        field: String,
    },
    /// The semantic level is declared without what makes it safe.
    #[error("agents.toml: {agent} uses cache level l3 without {missing}; declare it or drop l3")]
    UnsafeRecall {
        /// The agent whose row it is.
        agent: String,
        /// `same_answer` or `cache.semantic_text`.
        missing: &'static str,
    },
    /// A prompt does not have its two parts.
    #[error("{file}: the prompt of {agent} needs text before and after exactly one line `=== user ===`")]
    PromptParts {
        /// The file.
        file: String,
        /// The agent.
        agent: String,
    },
    /// A prompt names a variable which nobody supplies.
    #[error(
        "{file}: the prompt of {agent} names `{variable}`, which its row does not supply; supplied are {supplied}"
    )]
    UnknownVariable {
        /// The file.
        file: String,
        /// The agent.
        agent: String,
        /// The variable.
        variable: String,
        /// What may be named.
        supplied: String,
    },
    /// A prompt leaves a declared input out.
    #[error(
        "{file}: the prompt of {agent} misses `{variable}`; name it once in the user part, or list it in not_in_prompt"
    )]
    MissingVariable {
        /// The file.
        file: String,
        /// The agent.
        agent: String,
        /// The variable.
        variable: String,
    },
    /// A prompt pays for an input twice, or names one in its system part.
    #[error("{file}: the prompt of {agent} must name `{variable}` once and in the user part only")]
    RepeatedVariable {
        /// The file.
        file: String,
        /// The agent.
        agent: String,
        /// The variable.
        variable: String,
    },
    /// A variable shows fields that what it names does not have.
    #[error(
        "{file}: the prompt of {agent} shows `{fields}` of `{variable}`, which has no such fields by its schema; write field, field(part, part)"
    )]
    UnknownShown {
        /// The file.
        file: String,
        /// The agent.
        agent: String,
        /// The variable.
        variable: String,
        /// The fields as written.
        fields: String,
    },
    /// `not_in_prompt` names something the agent does not get.
    #[error(
        "agents.toml: {agent} lists `{named}` in not_in_prompt, which is none of its needs, uses and facts; remove it"
    )]
    UselessExemption {
        /// The agent whose row it is.
        agent: String,
        /// The name.
        named: String,
    },
    /// A model or a tier names what has no row.
    #[error("models.toml: {name} names the {what} `{named}`, which has no row; correct the name or add it")]
    UnknownReference {
        /// The model or tier.
        name: String,
        /// provider or model.
        what: &'static str,
        /// The name.
        named: String,
    },
    /// A tier's order contradicts the order of the rows.
    #[error(
        "models.toml: tier {tier} puts `{after}` after `{before}`, the rows do not; order the rows as the tiers do"
    )]
    TierOrder {
        /// The tier.
        tier: &'static str,
        /// The model the tier puts first.
        before: String,
        /// The model the rows put first.
        after: String,
    },
    /// A price has no valid date.
    #[error("models.toml: the price of {model} has no date; set as_of to the day it was read, as YYYY-MM-DD")]
    UndatedPrice {
        /// The model.
        model: String,
    },
    /// A price has no source.
    #[error("models.toml: the price of {model} has no source; set source to the page it was read from")]
    UnsourcedPrice {
        /// The model.
        model: String,
    },
    /// A price is negative.
    #[error(
        "models.toml: {model} has a negative {field}; prices are nano-dollars per million tokens, 0 or more"
    )]
    NegativePrice {
        /// The model.
        model: String,
        /// The price.
        field: &'static str,
    },
}
