//! Whether anybody listens where the brokers should be: librdkafka tries again, and says only after a while that nobody does.

use std::io::ErrorKind;
use std::time::Duration;

use futures::future::join_all;
use tokio::net::{TcpStream, lookup_host};

use sluice_kafka_client::Access;

/// How long a broker is waited for here. One that does not answer by then may do so yet.
const WAIT: Duration = Duration::from_secs(2);
/// Kafka's port, where none is named.
const PORT: u16 = 9092;

/// Says why none of the brokers can be reached, where that is certain: each of them refuses the connection, or its name is
/// unknown. Opens a connection to each and closes it.
pub async fn out_of_reach(access: &Access) -> Option<String> {
    let servers = access.config.get("bootstrap.servers").unwrap_or_default().to_owned();
    let asked = servers.split(',').map(|server| refusal(server.trim()));
    let refusals: Vec<String> = join_all(asked).await.into_iter().collect::<Option<_>>()?;
    let reason = refusals.first()?;
    Some(format!("Kafka at {servers} cannot be reached: {reason}; check the address and the network"))
}

/// Says why a broker will not be reached. What may pass by waiting is no such reason.
async fn refusal(server: &str) -> Option<String> {
    // librdkafka takes a protocol before the address.
    let address = server.rsplit_once("://").map_or(server, |(_, address)| address);
    let has_port = address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let address = if has_port { address.to_owned() } else { format!("{address}:{PORT}") };
    let resolved = tokio::time::timeout(WAIT, lookup_host(&address)).await.ok()?;
    let Ok(addresses) = resolved else { return Some(format!("the name `{}` is not known", host(&address))) };
    for address in addresses {
        match tokio::time::timeout(WAIT, TcpStream::connect(address)).await {
            Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => {}
            _ => return None,
        }
    }
    Some("the connection is refused".to_owned())
}

fn host(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn brokers_are_out_of_reach_where_each_of_them_refuses_or_is_unknown() {
        let said = out_of_reach(&Access::from_servers("127.0.0.1:1, plaintext://127.0.0.1:2")).await;
        let expected = "Kafka at 127.0.0.1:1, plaintext://127.0.0.1:2 cannot be reached: the connection is refused; check the \
                        address and the network";
        assert_eq!(said.as_deref(), Some(expected));
        let said = out_of_reach(&Access::from_servers("no.such.invalid:9092")).await;
        assert!(said.is_none_or(|said| said.contains("the name `no.such.invalid` is not known")));
    }

    #[tokio::test]
    async fn one_that_listens_is_enough() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let servers = format!("127.0.0.1:1,{}", listener.local_addr().unwrap());
        assert_eq!(out_of_reach(&Access::from_servers(&servers)).await, None);
    }
}
