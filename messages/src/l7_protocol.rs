use std::fmt;

macro_rules! protocols {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        /// An application protocol, by the number that rows and the wire state.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum L7Protocol {
            $($(#[$doc])* $name = $number,)*
        }

        impl L7Protocol {
            /// Every protocol, by number.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name in rows and on lines.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The protocol of this number.
            #[must_use]
            pub const fn from_number(n: u8) -> Option<Self> {
                match n { $($number => Some(Self::$name),)* _ => None }
            }
        }
    };
}

protocols! {
    /// Not known (yet).
    #[default]
    Unknown = 0, "N/A";
    /// HTTP/1.0 and 1.1.
    Http1 = 20, "HTTP";
    /// HTTP/2 that is not gRPC.
    Http2 = 21, "HTTP2";
    /// Apache Dubbo.
    Dubbo = 40, "Dubbo";
    /// gRPC over HTTP/2.
    Grpc = 41, "gRPC";
    /// SOFARPC (Bolt).
    SofaRpc = 43, "SofaRPC";
    /// FastCGI.
    FastCgi = 44, "FastCGI";
    /// Apache bRPC.
    Brpc = 45, "bRPC";
    /// Tars.
    Tars = 46, "Tars";
    /// SOME/IP.
    SomeIp = 47, "SomeIP";
    /// ISO 8583; not parsed here, but other agents send it.
    Iso8583 = 48, "ISO8583";
    /// Dubbo's Triple over HTTP/2.
    Triple = 49, "Triple";
    /// NetSign; not parsed here.
    NetSign = 50, "NetSign";
    /// MySQL and MariaDB.
    MySql = 60, "MySQL";
    /// PostgreSQL.
    PostgreSql = 61, "PostgreSQL";
    /// Oracle; not parsed here.
    Oracle = 62, "Oracle";
    /// Dameng; not parsed here.
    Dameng = 63, "Dameng";
    /// Redis.
    Redis = 80, "Redis";
    /// MongoDB.
    MongoDb = 81, "MongoDB";
    /// Memcached.
    Memcached = 82, "Memcached";
    /// Apache Kafka.
    Kafka = 100, "Kafka";
    /// MQTT 3.1 to 5.
    Mqtt = 101, "MQTT";
    /// AMQP 0-9-1.
    Amqp = 102, "AMQP";
    /// OpenWire (ActiveMQ).
    OpenWire = 103, "OpenWire";
    /// NATS.
    Nats = 104, "NATS";
    /// Apache Pulsar.
    Pulsar = 105, "Pulsar";
    /// ZMTP (ZeroMQ).
    Zmtp = 106, "ZMTP";
    /// Apache RocketMQ.
    RocketMq = 107, "RocketMQ";
    /// IBM WebSphere MQ; not parsed here.
    WebSphereMq = 108, "WebSphereMQ";
    /// DNS.
    Dns = 120, "DNS";
    /// TLS.
    Tls = 121, "TLS";
    /// ICMP echo.
    Ping = 122, "Ping";
    /// Told by a plugin.
    Custom = 127, "Custom";
}

impl fmt::Display for L7Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_one_to_one() {
        for p in L7Protocol::ALL {
            assert_eq!(L7Protocol::from_number(*p as u8), Some(*p));
            let same = L7Protocol::ALL.iter().filter(|q| q.name() == p.name());
            assert_eq!(same.count(), 1, "{p}");
        }
        assert_eq!(L7Protocol::from_number(1), None);
    }
}
