//! What the parts of the bundle agreed on: names, times, who needs what.

/// One function.
pub(crate) struct Function {
    /// The name of its folder and binary.
    pub(crate) name: &'static str,
    /// Seconds it may take.
    pub(crate) timeout: u64,
    /// What it reads from its environment, beside what it logs, and the stack's name where it measures.
    pub(crate) variables: &'static [&'static str],
    /// The queues it is called for: logical ids.
    pub(crate) consumes: &'static [&'static str],
    /// Whether it is in the network of the full profile, where Redis is.
    pub(crate) in_network: bool,
}

impl Function {
    /// Its name as logical ids begin with it.
    pub(crate) fn stem(&self) -> String {
        camel(self.name)
    }

    /// Whether it sends spans somewhere.
    pub(crate) fn tells_spans(&self) -> bool {
        self.variables.contains(&"OTEL_EXPORTER_OTLP_ENDPOINT")
    }

    /// Its logical id.
    pub(crate) fn id(&self) -> String {
        self.stem() + "Function"
    }
}

/// `agent-light` to `AgentLight`.
pub(crate) fn camel(name: &str) -> String {
    let capital = |part: &str| {
        let mut letters = part.chars();
        letters
            .next()
            .map(|first| first.to_uppercase().chain(letters).collect::<String>())
            .unwrap_or_default()
    };
    name.split('-').map(capital).collect()
}

/// `AgentLight` to `agent-light`.
pub(crate) fn kebab(id: &str) -> String {
    let mut name = String::new();
    for letter in id.chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

const MODEL: [&str; 4] = ["LLM_BASE_URL", "LLM_PROTOCOL", "LLM_MODEL", "LLM_PRICE"];

/// All functions.
pub(crate) const FUNCTIONS: [Function; 10] = [
    Function {
        name: "api",
        timeout: 29,
        variables: &[
            "ASSAY_TABLE",
            "ASSAY_BUCKET",
            "ASSAY_QUEUE_RUNS",
            "COST_BUDGET_DAILY",
            "COST_BUDGET_MONTHLY",
            "COST_MAX_PER_REQUEST",
            "ASSAY_FETCH_ALLOW",
            "ASSAY_PURGE_FUNCTION",
        ],
        consumes: &[],
        in_network: false,
    },
    Function {
        name: "fetch",
        timeout: 60,
        variables: &["ASSAY_FETCH_CONTACT", "ASSAY_FETCH_ALLOW"],
        consumes: &[],
        in_network: false,
    },
    Function {
        name: "start",
        timeout: 30,
        variables: &[
            "ASSAY_TABLE",
            "ASSAY_QUEUE_RUNS",
            "ASSAY_QUEUE_AGENT_LIGHT",
            "ASSAY_QUEUE_AGENT_TOOLS",
            "ASSAY_QUEUE_AGENT_SEMANTIC",
            "ASSAY_STATE_MACHINE",
        ],
        consumes: &["RunsQueue"],
        in_network: false,
    },
    Function {
        name: "agent-light",
        timeout: 300,
        variables: &[
            "ASSAY_TABLE",
            "ASSAY_BUCKET",
            "ASSAY_QUEUE_AGENT_LIGHT",
            "ASSAY_SECRET",
            "RATE_LIMIT_REDIS_URL",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "COST_BUDGET_DAILY",
            "COST_BUDGET_MONTHLY",
            MODEL[0],
            MODEL[1],
            MODEL[2],
            MODEL[3],
        ],
        consumes: &["AgentLightQueue"],
        in_network: true,
    },
    Function {
        name: "agent-tools",
        timeout: 300,
        variables: &[
            "ASSAY_TABLE",
            "ASSAY_BUCKET",
            "ASSAY_QUEUE_AGENT_TOOLS",
            "ASSAY_SECRET",
            "RATE_LIMIT_REDIS_URL",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "ASSAY_FETCH_FUNCTION",
            "COST_BUDGET_DAILY",
            "COST_BUDGET_MONTHLY",
            MODEL[0],
            MODEL[1],
            MODEL[2],
            MODEL[3],
        ],
        consumes: &["AgentToolsQueue"],
        in_network: true,
    },
    Function {
        name: "agent-semantic",
        timeout: 300,
        variables: &[
            "ASSAY_TABLE",
            "ASSAY_BUCKET",
            "ASSAY_QUEUE_AGENT_SEMANTIC",
            "ASSAY_SECRET",
            "RATE_LIMIT_REDIS_URL",
            "ASSAY_EMBEDDING_MODEL",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "COST_BUDGET_DAILY",
            "COST_BUDGET_MONTHLY",
            MODEL[0],
            MODEL[1],
            MODEL[2],
            MODEL[3],
        ],
        consumes: &["AgentSemanticQueue"],
        in_network: true,
    },
    Function {
        name: "deliver",
        timeout: 60,
        variables: &[
            "ASSAY_TABLE",
            "ASSAY_BUCKET",
            "ASSAY_QUEUE_DELIVERIES",
            "ASSAY_STATE_MACHINE",
            "COST_BUDGET_DAILY",
            "COST_BUDGET_MONTHLY",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
        ],
        consumes: &["DeliveriesQueue"],
        in_network: false,
    },
    Function {
        name: "dead-letter",
        timeout: 60,
        variables: &[
            "ASSAY_TABLE",
            "ASSAY_BUCKET",
            "ASSAY_QUEUE_PARKED",
            "COST_BUDGET_DAILY",
            "COST_BUDGET_MONTHLY",
        ],
        consumes: &["DeadLetters"],
        in_network: false,
    },
    Function {
        name: "sweep",
        timeout: 50,
        variables: &[
            "ASSAY_TABLE",
            "ASSAY_BUCKET",
            "ASSAY_QUEUE_RUNS",
            "ASSAY_QUEUE_DELIVERIES",
            "ASSAY_STATE_MACHINE",
            "COST_BUDGET_DAILY",
            "COST_BUDGET_MONTHLY",
            "CACHE_WARMING_USD_PER_HOUR",
        ],
        consumes: &[],
        in_network: false,
    },
    Function {
        name: "health",
        timeout: 30,
        variables: &[
            "ASSAY_TABLE",
            "ASSAY_BUCKET",
            "ASSAY_QUEUE_RUNS",
            "ASSAY_QUEUE_AGENT_LIGHT",
            "ASSAY_QUEUE_AGENT_TOOLS",
            "ASSAY_QUEUE_AGENT_SEMANTIC",
            "ASSAY_QUEUE_DELIVERIES",
            "ASSAY_STATE_MACHINE",
            "ASSAY_SECRET",
            MODEL[0],
            MODEL[1],
            MODEL[2],
            MODEL[3],
            "ASSAY_EMBEDDING_MODEL",
            "RATE_LIMIT_REDIS_URL",
        ],
        consumes: &[],
        in_network: true,
    },
];

/// The queues between functions: the name in front of `Queue`.
pub(crate) const QUEUES: [&str; 5] = ["Runs", "AgentLight", "AgentTools", "AgentSemantic", "Deliveries"];

/// The state machine, by name, so that roles and functions need not wait for it.
pub(crate) const MACHINE: &str = "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:stateMachine:<AWS::StackName>-content-intelligence";

/// Its executions.
pub(crate) const EXECUTIONS: &str = "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:<AWS::StackName>-content-intelligence:*";

/// What every variable is, wherever it is set.
pub(crate) const VARIABLES: [(&str, &str); 27] = [
    ("ASSAY_STACK", "<AWS::StackName>"),
    ("ASSAY_LOG", "warn"),
    ("ASSAY_TABLE", "<Table>"),
    ("ASSAY_BUCKET", "<Bucket>"),
    ("ASSAY_SECRET", "<Secret.Id>"),
    ("ASSAY_STATE_MACHINE", MACHINE),
    ("ASSAY_EMBEDDING_MODEL", "/opt/all-minilm-l6-v2.safetensors"),
    ("ASSAY_FETCH_FUNCTION", "<FetchFunction>"),
    ("ASSAY_PURGE_FUNCTION", "if Full then <AWS::StackName>-health else "),
    ("ASSAY_FETCH_CONTACT", "<FetchContact>"),
    ("ASSAY_FETCH_ALLOW", "<FetchAllow>"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "<OtlpEndpoint>"),
    ("ASSAY_QUEUE_RUNS", "<RunsQueue>"),
    ("ASSAY_QUEUE_AGENT_LIGHT", "<AgentLightQueue>"),
    ("ASSAY_QUEUE_AGENT_TOOLS", "<AgentToolsQueue>"),
    ("ASSAY_QUEUE_AGENT_SEMANTIC", "<AgentSemanticQueue>"),
    ("ASSAY_QUEUE_DELIVERIES", "<DeliveriesQueue>"),
    ("ASSAY_QUEUE_PARKED", "<ParkedQueue>"),
    ("COST_BUDGET_DAILY", "<DailyBudgetUsd>"),
    ("COST_BUDGET_MONTHLY", "<MonthlyBudgetUsd>"),
    ("COST_MAX_PER_REQUEST", "<MaxPerRequestUsd>"),
    ("CACHE_WARMING_USD_PER_HOUR", "<CacheWarmingUsdPerHour>"),
    ("LLM_BASE_URL", "<LlmBaseUrl>"),
    ("LLM_PROTOCOL", "<LlmProtocol>"),
    ("LLM_MODEL", "<LlmModel>"),
    ("LLM_PRICE", "<LlmPrice>"),
    (
        "RATE_LIMIT_REDIS_URL",
        "if FullOnAws then rediss://:{{resolve:secretsmanager:<RedisSecret.Id>:SecretString:token}}@\
         <Redis.PrimaryEndPoint.Address>:<Redis.PrimaryEndPoint.Port> else if Full then \
         redis://<Redis.PrimaryEndPoint.Address>:<Redis.PrimaryEndPoint.Port> else ",
    ),
];
