//! The network of the full profile: everything in it has a way out, and nothing has a way in.

use super::super::bundle::{Bundle, Resource};
use super::super::faults::{Faults, Rule};

pub(crate) const RULES: &[Rule] = &[
    Rule { name: "there are two private and two public subnets, one of each in two zones", look: zones },
    Rule { name: "subnets lie in the network and not upon each other", look: ranges },
    Rule { name: "every private subnet has a way out through a NAT gateway", look: private_way_out },
    Rule { name: "every public subnet has a way out through the internet gateway", look: public_way_out },
    Rule { name: "a NAT gateway stands in a public subnet with an address of its own", look: nat_gateways },
    Rule { name: "the internet gateway is on the network before anything uses it", look: gateway },
    Rule { name: "table and bucket are reached without leaving AWS", look: endpoints },
    Rule { name: "nothing comes in to functions", look: functions_group },
    Rule { name: "Redis is reached by functions only", look: redis_group },
    Rule { name: "Redis is encrypted, asks for a token, and survives a zone", look: redis },
    Rule { name: "the token of Redis is long, random and fit for a URL", look: redis_token },
    Rule { name: "the network resolves names", look: names },
];

const FILE: &str = "infra/network.yaml";

fn of_kind<'a>(bundle: &'a Bundle, kind: &str) -> Vec<Resource<'a>> {
    bundle.resources().filter(|resource| resource.kind() == format!("AWS::EC2::{kind}")).collect()
}

fn subnets(bundle: &Bundle) -> Vec<Resource<'_>> {
    of_kind(bundle, "Subnet")
}

/// The route table of a subnet, if exactly one.
fn routes_of(bundle: &Bundle, subnet: &str) -> Option<String> {
    let subnet = format!("<{subnet}>");
    let associations = of_kind(bundle, "SubnetRouteTableAssociation");
    let mut tables = associations
        .into_iter()
        .filter(|association| bundle.property(*association, "SubnetId") == subnet)
        .map(|association| bundle.property(association, "RouteTableId"));
    tables.next().filter(|_| tables.next().is_none())
}

/// The only route of a table.
fn route_of<'a>(bundle: &'a Bundle, table: &str) -> Option<Resource<'a>> {
    let mut routes =
        of_kind(bundle, "Route").into_iter().filter(|route| bundle.property(*route, "RouteTableId") == table);
    routes.next().filter(|_| routes.next().is_none())
}

fn zones(bundle: &Bundle, faults: &mut Faults) {
    let ids = subnets(bundle).into_iter().map(|subnet| subnet.id);
    faults.same("the network", ids, ["PrivateA", "PrivateB", "PublicA", "PublicB"]);
    for subnet in subnets(bundle) {
        let zone = if subnet.id.ends_with('A') { 0 } else { 1 };
        let expected = format!("{{Fn::Select: [{zone}, {{Fn::GetAZs: }}]}}");
        faults.equal(subnet.id, bundle.property(subnet, "AvailabilityZone"), expected);
        faults.equal(subnet.id, bundle.property(subnet, "VpcId"), "<Vpc>");
        let private = subnet.id.starts_with("Private");
        faults.equal(
            subnet.id,
            bundle.property(subnet, "MapPublicIpOnLaunch"),
            if private { "false" } else { "" },
        );
    }
}

/// First and last address of a range such as `10.0.0.0/16`.
fn range(text: &str) -> Option<(u32, u32)> {
    let (address, bits) = text.split_once('/')?;
    let start = u32::from(address.parse::<std::net::Ipv4Addr>().ok()?);
    let size = 1_u32.checked_shl(32 - bits.parse::<u32>().ok().filter(|bits| (1..=32).contains(bits))?)?;
    (start % size == 0).then(|| (start, start + (size - 1)))
}

fn ranges(bundle: &Bundle, faults: &mut Faults) {
    let Some(vpc) = bundle.resource("Vpc") else { return faults.unless(false, "there is no network") };
    let of = |resource| range(&bundle.property(resource, "CidrBlock"));
    let Some((first, last)) = of(vpc) else { return faults.unless(false, "the network has no range") };
    let private = u32::from(std::net::Ipv4Addr::new(10, 0, 0, 0));
    faults.unless(first >= private && last - private < 1 << 24, "the network's addresses are not private");
    let subnets: Vec<_> = subnets(bundle).into_iter().map(|subnet| (subnet.id, of(subnet))).collect();
    for (index, (id, range)) in subnets.iter().enumerate() {
        let Some((from, to)) = *range else { return faults.unless(false, format!("{id} has no range")) };
        faults.unless(first <= from && to <= last, format!("{id} is not in the network"));
        for (other, range) in &subnets[index + 1..] {
            let apart = range.is_some_and(|(start, end)| end < from || to < start);
            faults.unless(apart, format!("{id} and {other} share addresses"));
        }
    }
}

fn private_way_out(bundle: &Bundle, faults: &mut Faults) {
    for (id, nat) in [("PrivateA", "<NatA>"), ("PrivateB", "if SecondNat then <NatB> else <NatA>")] {
        let table = routes_of(bundle, id).unwrap_or_default();
        faults.equal(format!("the routes of {id}"), &table, &format!("<{id}Routes>"));
        let Some(route) = route_of(bundle, &table) else {
            faults.unless(false, format!("{id} has no way out"));
            continue;
        };
        faults.equal(id, bundle.property(route, "DestinationCidrBlock"), "0.0.0.0/0");
        faults.equal(id, bundle.property(route, "NatGatewayId"), nat);
    }
}

fn public_way_out(bundle: &Bundle, faults: &mut Faults) {
    for id in ["PublicA", "PublicB"] {
        let table = routes_of(bundle, id).unwrap_or_default();
        faults.equal(format!("the routes of {id}"), table.as_str(), "<PublicRoutes>");
        let Some(route) = route_of(bundle, &table) else {
            faults.unless(false, format!("{id} has no way out"));
            continue;
        };
        faults.equal(id, bundle.property(route, "DestinationCidrBlock"), "0.0.0.0/0");
        faults.equal(id, bundle.property(route, "GatewayId"), "<Gateway>");
    }
    for table in of_kind(bundle, "RouteTable") {
        faults.equal(table.id, bundle.property(table, "VpcId"), "<Vpc>");
    }
}

fn nat_gateways(bundle: &Bundle, faults: &mut Faults) {
    for letter in ["A", "B"] {
        let Some(nat) = bundle.resource(&format!("Nat{letter}")) else {
            faults.unless(false, format!("there is no NAT gateway {letter}"));
            continue;
        };
        faults.equal(nat.id, bundle.property(nat, "SubnetId"), format!("<Public{letter}>"));
        faults.equal(nat.id, bundle.property(nat, "AllocationId"), format!("<Address{letter}.AllocationId>"));
    }
    for address in of_kind(bundle, "EIP") {
        faults.equal(address.id, bundle.property(address, "Domain"), "vpc");
    }
}

fn gateway(bundle: &Bundle, faults: &mut Faults) {
    let attachments = of_kind(bundle, "VPCGatewayAttachment");
    faults.equal("attachments", attachments.len(), 1);
    for attachment in attachments {
        faults.equal(attachment.id, bundle.property(attachment, "VpcId"), "<Vpc>");
        faults.equal(attachment.id, bundle.property(attachment, "InternetGatewayId"), "<Gateway>");
        for id in ["PublicOut", "AddressA", "AddressB"] {
            let waits =
                bundle.resource(id).map(|resource| resource.body["DependsOn"].as_str().unwrap_or_default());
            faults.equal(id, waits, Some(attachment.id));
        }
    }
}

fn endpoints(bundle: &Bundle, faults: &mut Faults) {
    let endpoints = of_kind(bundle, "VPCEndpoint");
    let services = endpoints.iter().map(|endpoint| bundle.property(*endpoint, "ServiceName"));
    faults.same(
        "the network",
        services,
        ["dynamodb", "s3"].map(|name| format!("com.amazonaws.<AWS::Region>.{name}")),
    );
    for endpoint in endpoints {
        faults.equal(endpoint.id, bundle.property(endpoint, "VpcEndpointType"), "Gateway");
        faults.equal(endpoint.id, bundle.property(endpoint, "VpcId"), "<Vpc>");
        let tables = endpoint.property("RouteTableIds").as_array().into_iter().flatten();
        let tables = tables.map(|table| bundle.text(FILE, table));
        faults.same(endpoint.id, tables, ["<PrivateARoutes>", "<PrivateBRoutes>"]);
    }
}

const OWN_OR_GIVEN: &str = "if Own then <Vpc> else <VpcId>";

fn functions_group(bundle: &Bundle, faults: &mut Faults) {
    let Some(group) = bundle.resource("FunctionsGroup") else {
        return faults.unless(false, "functions have no group");
    };
    faults.equal("its network", bundle.property(group, "VpcId"), OWN_OR_GIVEN);
    faults.equal("its ways in", bundle.property(group, "SecurityGroupIngress"), "");
    let egress = bundle.property(group, "SecurityGroupEgress");
    faults.equal(
        "its ways out",
        egress,
        "[{CidrIp: 0.0.0.0/0, Description: Models and services, IpProtocol: -1}]",
    );
    faults.equal("groups", of_kind(bundle, "SecurityGroup").len(), 2);
}

fn redis_group(bundle: &Bundle, faults: &mut Faults) {
    let Some(group) = bundle.resource("RedisGroup") else {
        return faults.unless(false, "Redis has no group");
    };
    faults.equal("its network", bundle.property(group, "VpcId"), OWN_OR_GIVEN);
    let ingress = "[{Description: Functions, FromPort: 6379, IpProtocol: tcp, SourceSecurityGroupId: <FunctionsGroup>, ToPort: 6379}]";
    faults.equal("its ways in", bundle.property(group, "SecurityGroupIngress"), ingress);
    let egress = "[{CidrIp: 127.0.0.1/32, Description: Nowhere, IpProtocol: -1}]";
    faults.equal("its ways out", bundle.property(group, "SecurityGroupEgress"), egress);
}

fn redis(bundle: &Bundle, faults: &mut Faults) {
    let Some(redis) = bundle.resource("Redis") else { return faults.unless(false, "there is no Redis") };
    for (property, expected) in [
        ("Engine", "valkey"),
        ("EngineVersion", "8.0"),
        ("CacheNodeType", "cache.t4g.micro"),
        ("NumNodeGroups", "1"),
        ("ReplicasPerNodeGroup", "1"),
        ("AutomaticFailoverEnabled", "true"),
        ("MultiAZEnabled", "true"),
        ("TransitEncryptionEnabled", "true"),
        ("AtRestEncryptionEnabled", "true"),
        ("AuthToken", "{{resolve:secretsmanager:<RedisSecret.Id>:SecretString:token}}"),
        ("CacheSubnetGroupName", "<RedisSubnets>"),
        ("SecurityGroupIds", "[<RedisGroup>]"),
        ("SnapshotRetentionLimit", "1"),
    ] {
        faults.equal(property, bundle.property(redis, property), expected);
    }
    let subnets = bundle.resource("RedisSubnets").map(|group| bundle.property(group, "SubnetIds"));
    let expected = "if Own then [<PrivateA>, <PrivateB>] else {Fn::Split: [,, <SubnetIds>]}";
    faults.equal("its subnets", subnets.as_deref(), Some(expected));
}

fn redis_token(bundle: &Bundle, faults: &mut Faults) {
    let Some(secret) = bundle.resource("RedisSecret") else {
        return faults.unless(false, "Redis has no token");
    };
    let generate = secret.property("GenerateSecretString");
    let length = generate["PasswordLength"].as_u64().unwrap_or_default();
    // What ElastiCache takes.
    faults.unless((32..=128).contains(&length), format!("its token has {length} characters"));
    faults.equal("punctuation", generate["ExcludePunctuation"].as_bool(), Some(true));
    faults.equal("its key", generate["GenerateStringKey"].as_str(), Some("token"));
    faults.equal("its template", generate["SecretStringTemplate"].as_str(), Some("{}"));
}

fn names(bundle: &Bundle, faults: &mut Faults) {
    let Some(vpc) = bundle.resource("Vpc") else { return };
    for property in ["EnableDnsSupport", "EnableDnsHostnames"] {
        faults.equal(property, bundle.property(vpc, property), "true");
    }
}
