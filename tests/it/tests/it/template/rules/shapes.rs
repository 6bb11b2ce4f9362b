//! The properties that a resource of each type must and may have.

/// Type: what it must have, and what it may have besides.
pub(crate) fn known_properties(kind: &str) -> Option<(&'static [&'static str], &'static [&'static str])> {
    let none: &[&str] = &[];
    Some(match kind {
        "AWS::ApiGatewayV2::Api" => (&["Name", "ProtocolType"], none),
        "AWS::ApiGatewayV2::Integration" => {
            (&["ApiId", "IntegrationType", "IntegrationUri", "PayloadFormatVersion", "TimeoutInMillis"], none)
        }
        "AWS::ApiGatewayV2::Route" => (&["ApiId", "RouteKey", "AuthorizationType", "Target"], none),
        "AWS::ApiGatewayV2::Stage" => {
            (&["ApiId", "StageName", "AutoDeploy", "DefaultRouteSettings", "AccessLogSettings"], none)
        }
        "AWS::CloudFormation::Stack" => (&["TemplateURL", "Parameters"], none),
        "AWS::CloudWatch::Alarm" => (
            &[
                "AlarmName",
                "AlarmDescription",
                "EvaluationPeriods",
                "DatapointsToAlarm",
                "ComparisonOperator",
                "Threshold",
                "TreatMissingData",
                "AlarmActions",
                "OKActions",
            ],
            &["Namespace", "MetricName", "Dimensions", "Statistic", "ExtendedStatistic", "Period", "Metrics"],
        ),
        "AWS::CloudWatch::CompositeAlarm" => (&["AlarmName", "AlarmDescription", "AlarmRule"], none),
        "AWS::CloudWatch::Dashboard" => (&["DashboardName", "DashboardBody"], none),
        "AWS::DynamoDB::Table" => (
            &[
                "BillingMode",
                "DeletionProtectionEnabled",
                "PointInTimeRecoverySpecification",
                "TimeToLiveSpecification",
                "AttributeDefinitions",
                "KeySchema",
                "GlobalSecondaryIndexes",
            ],
            none,
        ),
        "AWS::EC2::EIP" => (&["Domain"], none),
        "AWS::EC2::InternetGateway" => (none, none),
        "AWS::EC2::NatGateway" => (&["SubnetId", "AllocationId"], none),
        "AWS::EC2::Route" => (&["RouteTableId", "DestinationCidrBlock"], &["GatewayId", "NatGatewayId"]),
        "AWS::EC2::RouteTable" => (&["VpcId"], none),
        "AWS::EC2::SecurityGroup" => {
            (&["GroupDescription", "VpcId", "SecurityGroupEgress"], &["SecurityGroupIngress"])
        }
        "AWS::EC2::Subnet" => (&["VpcId", "CidrBlock", "AvailabilityZone"], &["MapPublicIpOnLaunch"]),
        "AWS::EC2::SubnetRouteTableAssociation" => (&["SubnetId", "RouteTableId"], none),
        "AWS::EC2::VPC" => (&["CidrBlock", "EnableDnsSupport", "EnableDnsHostnames", "Tags"], none),
        "AWS::EC2::VPCEndpoint" => (&["VpcEndpointType", "ServiceName", "VpcId", "RouteTableIds"], none),
        "AWS::EC2::VPCGatewayAttachment" => (&["VpcId", "InternetGatewayId"], none),
        "AWS::ElastiCache::ReplicationGroup" => (
            &[
                "ReplicationGroupDescription",
                "Engine",
                "EngineVersion",
                "CacheNodeType",
                "NumNodeGroups",
                "ReplicasPerNodeGroup",
                "AutomaticFailoverEnabled",
                "MultiAZEnabled",
                "TransitEncryptionEnabled",
                "AtRestEncryptionEnabled",
                "AuthToken",
                "CacheSubnetGroupName",
                "SecurityGroupIds",
                "SnapshotRetentionLimit",
            ],
            none,
        ),
        "AWS::ElastiCache::SubnetGroup" => (&["Description", "SubnetIds"], none),
        "AWS::Events::Rule" => (&["Name", "EventPattern", "Targets"], none),
        "AWS::IAM::Role" => (&["AssumeRolePolicyDocument", "Policies"], none),
        "AWS::Lambda::Permission" => (&["FunctionName", "Action", "Principal", "SourceArn"], none),
        "AWS::Logs::LogGroup" => (&["LogGroupName", "RetentionInDays"], none),
        "AWS::Logs::MetricFilter" => (&["LogGroupName", "FilterPattern", "MetricTransformations"], none),
        "AWS::S3::Bucket" => (
            &[
                "BucketEncryption",
                "OwnershipControls",
                "PublicAccessBlockConfiguration",
                "VersioningConfiguration",
                "LifecycleConfiguration",
            ],
            none,
        ),
        "AWS::S3::BucketPolicy" => (&["Bucket", "PolicyDocument"], none),
        "AWS::SecretsManager::Secret" => (&["Description"], &["SecretString", "GenerateSecretString"]),
        "AWS::SNS::Subscription" => (&["TopicArn", "Protocol", "Endpoint"], none),
        "AWS::SNS::Topic" => (&["TopicName"], none),
        "AWS::SQS::Queue" => (
            &["QueueName", "MessageRetentionPeriod", "SqsManagedSseEnabled"],
            &["VisibilityTimeout", "ReceiveMessageWaitTimeSeconds", "RedrivePolicy"],
        ),
        "AWS::SQS::QueuePolicy" => (&["Queues", "PolicyDocument"], none),
        "AWS::Serverless::Function" => (
            &["FunctionName", "Role", "LoggingConfig", "Timeout", "MemorySize", "Environment"],
            &[
                "Layers",
                "Tracing",
                "ReservedConcurrentExecutions",
                "RecursiveLoop",
                "VpcConfig",
                "EventInvokeConfig",
                "Events",
            ],
        ),
        "AWS::Serverless::LayerVersion" => (
            &[
                "LayerName",
                "Description",
                "ContentUri",
                "CompatibleArchitectures",
                "CompatibleRuntimes",
                "LicenseInfo",
                "RetentionPolicy",
            ],
            none,
        ),
        "AWS::Serverless::StateMachine" => (
            &["Name", "Type", "DefinitionUri", "DefinitionSubstitutions", "Role", "Tracing", "Logging"],
            none,
        ),
        _ => return None,
    })
}
