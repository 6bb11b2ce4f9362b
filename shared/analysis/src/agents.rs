//! What each agent can say by rules alone: one module per agent, and the registry that names them.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::ports::Analyser;
use engine::step_input::{Analysis, StepInput};

pub mod acquisition_specialist;
pub mod analysis_cartographer;
pub mod audio_intelligence_specialist;
pub mod community_liaison;
pub mod controversy_tracker_specialist;
pub mod cross_platform_intelligence_specialist;
pub mod deep_content_analyst;
pub mod guest_intelligence_specialist;
pub mod intelligence_briefing_curator;
pub mod knowledge_integrator;
pub mod mission_orchestrator;
pub mod network_discovery_specialist;
pub mod persona_archivist;
pub mod research_synthesist;
pub mod risk_intelligence_analyst;
pub mod signal_recon_specialist;
pub mod system_reliability_officer;
pub mod transcription_engineer;
pub mod trend_intelligence_scout;
pub mod trend_intelligence_specialist;
pub mod verification_director;
pub mod visual_intelligence_specialist;

mod briefing_parts;
mod input;
#[cfg(test)]
mod pointers;
mod prepare;
mod read;
#[cfg(test)]
mod tests;
mod topic_index;

pub use prepare::prepare;

/// Every analyser by the name its agent's row gives.
pub fn analysers() -> BTreeMap<&'static str, Arc<dyn Analyser>> {
    let rules: &[(&'static str, Baseline)] = &[
        ("acquisition_specialist", acquisition_specialist::baseline),
        ("analysis_cartographer", analysis_cartographer::baseline),
        ("audio_intelligence_specialist", audio_intelligence_specialist::baseline),
        ("community_liaison", community_liaison::baseline),
        ("controversy_tracker_specialist", controversy_tracker_specialist::baseline),
        ("cross_platform_intelligence_specialist", cross_platform_intelligence_specialist::baseline),
        ("deep_content_analyst", deep_content_analyst::baseline),
        ("guest_intelligence_specialist", guest_intelligence_specialist::baseline),
        ("intelligence_briefing_curator", intelligence_briefing_curator::baseline),
        ("knowledge_integrator", knowledge_integrator::baseline),
        ("mission_orchestrator", mission_orchestrator::baseline),
        ("network_discovery_specialist", network_discovery_specialist::baseline),
        ("persona_archivist", persona_archivist::baseline),
        ("research_synthesist", research_synthesist::baseline),
        ("risk_intelligence_analyst", risk_intelligence_analyst::baseline),
        ("signal_recon_specialist", signal_recon_specialist::baseline),
        ("system_reliability_officer", system_reliability_officer::baseline),
        ("transcription_engineer", transcription_engineer::baseline),
        ("trend_intelligence_scout", trend_intelligence_scout::baseline),
        ("trend_intelligence_specialist", trend_intelligence_specialist::baseline),
        ("verification_director", verification_director::baseline),
        ("visual_intelligence_specialist", visual_intelligence_specialist::baseline),
    ];
    rules.iter().map(|(name, baseline)| (*name, Arc::new(Rules(*baseline)) as Arc<dyn Analyser>)).collect()
}

type Baseline = fn(&StepInput) -> Analysis;

struct Rules(Baseline);

impl Analyser for Rules {
    fn analyse(&self, input: &StepInput) -> Analysis {
        (self.0)(input)
    }
}
