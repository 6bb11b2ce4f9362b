//! What a stack is to be.

use std::path::PathBuf;

use crate::binary::root;

/// Which of the two profiles of the template.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// Without Redis.
    #[default]
    Lite,
    /// With Redis, which Valkey is here.
    Full,
}

impl Profile {
    /// Its name in the template.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Lite => "lite",
            Profile::Full => "full",
        }
    }
}

/// What a stack is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its name; two of one name cannot run at the same time. Lower-case letters, digits and hyphens.
    pub name: String,
    /// The template's profile.
    pub profile: Profile,
    /// Whether the emulator holds each call against the caller's role.
    pub authorised: bool,
    /// The template.
    pub template: PathBuf,
    /// Whether the functions are built first.
    pub build: bool,
    /// Where the functions' binaries are, if not where cargo puts them.
    pub binaries: Option<PathBuf>,
    /// Further parameters of the template, over those that every stack here is given.
    pub parameters: Vec<(String, String)>,
}

impl Options {
    /// The bundle's template, lite, with everybody allowed everything.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            profile: Profile::default(),
            authorised: false,
            template: root().join("template.yaml"),
            build: true,
            binaries: None,
            parameters: Vec::new(),
        }
    }

    /// The same in a profile.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// The same with each call held against its caller's role.
    #[must_use]
    pub fn authorised(mut self, authorised: bool) -> Self {
        self.authorised = authorised;
        self
    }

    /// The same with a parameter of the template.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: impl Into<String>) -> Self {
        self.parameters.push((name.to_owned(), value.into()));
        self
    }

    /// The same with a model behind this base URL, at a price of `input/output` dollars per million tokens.
    #[must_use]
    pub fn model(self, base_url: &str, name: &str, price: &str) -> Self {
        self.parameter("LlmBaseUrl", base_url).parameter("LlmModel", name).parameter("LlmPrice", price)
    }
}
