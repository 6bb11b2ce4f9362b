//! The states of a workflow, whatever machine they stand in.

use serde_json::Value;

/// A machine: the workflow itself, a branch, or what is done per item.
#[derive(Clone, Copy)]
pub(crate) struct Machine<'a> {
    /// Its first state.
    pub(crate) start: Option<&'a str>,
    body: &'a Value,
}

/// A state with its name.
#[derive(Clone, Copy)]
pub(crate) struct State<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// All it says.
    pub(crate) body: &'a Value,
}

impl<'a> Machine<'a> {
    /// A machine as it stands in the file.
    pub(crate) fn of(body: &'a Value) -> Self {
        Self { start: body["StartAt"].as_str(), body }
    }

    /// Its own states.
    pub(crate) fn states(&self) -> impl Iterator<Item = State<'a>> + use<'a> {
        let states = self.body["States"].as_object().into_iter().flatten();
        states.map(|(name, body)| State { name, body })
    }

    /// One of its own states.
    pub(crate) fn state(&self, name: &str) -> Option<State<'a>> {
        self.states().find(|state| state.name == name)
    }

    /// How many tasks follow each other at most.
    pub(crate) fn longest_way(&self) -> usize {
        self.start.map_or(0, |start| self.longest_from(start, self.states().count()))
    }

    /// The same from one of its states, through `most` states; a workflow that runs in circles has no longest way.
    fn longest_from(&self, name: &str, most: usize) -> usize {
        let (Some(state), Some(most)) = (self.state(name), most.checked_sub(1)) else { return 0 };
        let within = state.machines().iter().map(Machine::longest_way).max().unwrap_or_default();
        let after = state.ways().iter().map(|next| self.longest_from(next, most)).max().unwrap_or_default();
        usize::from(state.kind() == "Task") + within + after
    }
}

impl<'a> State<'a> {
    /// Such as `Task`.
    pub(crate) fn kind(&self) -> &'a str {
        self.body["Type"].as_str().unwrap_or_default()
    }

    /// The states it may lead to.
    pub(crate) fn ways(&self) -> Vec<&'a str> {
        let rows = ["Catch", "Choices"]
            .into_iter()
            .flat_map(|list| self.body[list].as_array().into_iter().flatten());
        let ways = rows.map(|row| &row["Next"]).chain([&self.body["Next"], &self.body["Default"]]);
        ways.filter_map(Value::as_str).collect()
    }

    /// The machines in it.
    pub(crate) fn machines(&self) -> Vec<Machine<'a>> {
        let branches = self.body["Branches"].as_array().into_iter().flatten();
        branches.chain(self.body.get("ItemProcessor")).map(Machine::of).collect()
    }
}

/// Looks at every machine of a workflow.
pub(crate) fn walk<'a>(body: &'a Value, look: &mut dyn FnMut(Machine<'a>)) {
    let machine = Machine::of(body);
    look(machine);
    for state in machine.states() {
        for inner in state.machines() {
            walk(inner.body, look);
        }
    }
}

/// Looks at every state of every machine.
pub(crate) fn each<'a>(body: &'a Value, look: &mut dyn FnMut(State<'a>)) {
    walk(body, &mut |machine| machine.states().for_each(&mut *look));
}
