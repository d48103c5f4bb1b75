//! Opens the target of a case.

use super::http::HttpTarget;
use super::kafka::KafkaTarget;
use super::kind::TargetKind;
use super::opensearch::OpensearchTarget;
use super::postgres::PostgresTarget;
use super::s3::S3Target;
use super::servers::Servers;
use super::target::{Luck, Target};
use crate::target::Manners;

/// Opens a target; `name` is that of the topic of the case, and no other case has it. `manners` are those of the HTTP target.
pub(in crate::matrix) fn open<'a>(
    kind: TargetKind,
    servers: &'a Servers,
    name: &str,
    manners: Manners,
    luck: Luck,
) -> Box<dyn Target + 'a> {
    let postgres = |is_upsert| {
        let server = servers.postgres.as_ref().expect("a PostgreSQL");
        Box::new(PostgresTarget::start(server, name, is_upsert, luck))
    };
    let kafka = |has_transactions| {
        let broker = servers.broker(TargetKind::Kafka).expect("a broker");
        let listener = servers.listener().expect("a listener");
        Box::new(KafkaTarget::start((broker, listener), name, has_transactions, luck))
    };
    match kind {
        TargetKind::Http => Box::new(HttpTarget::start(manners, luck.seed)),
        TargetKind::Postgres => postgres(false),
        TargetKind::PostgresUpsert => postgres(true),
        TargetKind::Kafka => kafka(true),
        TargetKind::KafkaPlain => kafka(false),
        TargetKind::S3 => Box::new(S3Target::start(servers.store.as_ref().expect("a store"), name, luck)),
        TargetKind::Opensearch => {
            Box::new(OpensearchTarget::start(servers.node.as_ref().expect("a node"), name, luck))
        }
    }
}
